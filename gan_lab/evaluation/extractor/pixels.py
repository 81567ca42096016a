"""Images and points as they are: for data whose modes are known, and to try things out."""

import torch
from torch import Tensor

from gan_lab.data.pixels import to_unit
from gan_lab.evaluation.extractor import Extractor


class Pixels(Extractor):
    """Features are the pixels in [-1, 1], or the coordinates of points; it is no classifier."""

    name = "pixels"
    num_features = 0
    weights_sha256 = "none"

    def to(self, device: torch.device) -> None:
        """Do nothing: there are no weights."""

    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        """Return features (N, C * H * W) of uint8 images or float points (N, 2, 1, 1)."""
        return (to_unit(images) if images.dtype == torch.uint8 else images).flatten(1), None
