"""The letters extractor: a classifier of grey capitals, for judging letters without network access or a GPU.

Its weights are committed, because a Fréchet distance depends on the extractor. They are the file that

    python -m gan_lab.train_extractor data=letters num_features=64

wrote, from the 10,000 training letters alone: it knows each of the 1,000 of the four held-out fonts.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.data.pixels import to_uint8, to_unit
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor.trained import Trained
from gan_lab.evaluation.extractor.weights import committed

WEIGHTS = Path(__file__).with_name("letters.npz")
SHA256 = "1b453e5f99130f5ae86c6b47d4952b98e15b77086260672287765328352bb5c6"
SIZE = 28


class Letters(Trained):
    """A frozen classifier of the letters A to Z in 28x28, to which letters of another size are scaled."""

    resize = f"bilinear to {SIZE}x{SIZE}, antialiased, in uint8"

    def __init__(self) -> None:
        committed(WEIGHTS, SHA256)
        super().__init__(str(WEIGHTS))
        self.name = "letters"  # its weights never change: no hash

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, 64) and logits (N, 26) of uint8 images (N, 1, H, W)."""
        if images.dtype != torch.uint8 or images.shape[1] != 1:
            shape = "x".join(map(str, images.shape[1:]))
            raise InputError(
                f"extractor=letters takes grey images, not samples of {shape}: choose another extractor, or metric=none"
            )
        if images.shape[2:] != (SIZE, SIZE):
            images = to_uint8(F.interpolate(to_unit(images), (SIZE, SIZE), mode="bilinear", antialias=True))
        return super().__call__(images)
