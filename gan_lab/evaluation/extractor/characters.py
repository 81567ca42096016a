"""Lines of text as the numbers of their characters: for metrics that read text."""

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import Extractor


class Characters(Extractor):
    """Features are the numbers of the most probable characters; it is no classifier."""

    name = "characters"
    num_features = 0
    has_distances = False
    weights_sha256 = "none"

    def to(self, device: torch.device) -> None:
        """Do nothing: there are no weights."""

    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        """Return float features (N, L), whole numbers below C, of one-hot characters or probabilities (N, C, L)."""
        if images.ndim != 3:
            shape = "x".join(map(str, images.shape[1:]))
            raise InputError(
                f"extractor=characters reads text, not samples of {shape}: use data=text_lines or another extractor"
            )
        return images.argmax(1).float(), None
