"""The truncation trick, by its degree (Brock 2019, section 3.1; Karras 2019, appendix B)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_lab import latents
from gan_lab.errors import InputError
from gan_lab.model.stylegan import StyleGAN, has_styles
from gan_lab.ranges import Positive
from gan_lab.sampling.mode import Sheet, SheetMode
from gan_lab.sampling.request import SampleRequest

SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Of the styles' distance from their mean."""
BOUNDS = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Of normal latents."""


class TruncationLadder(SheetMode):
    """n rows, each of one latent at rising truncation: variety against quality.

    Args:
        values: of ``truncation``; None: `SHARES` of styles, `BOUNDS` of latents.
    """

    moves = True

    def __init__(self, values: Sequence[Positive] | None = None) -> None:
        self.values = values

    def count(self, n: int, steps: int) -> int:
        """Return a sample for each value of each latent."""
        return n * len(self.values or SHARES)

    def __call__(self, request: SampleRequest) -> Sheet:
        """Make the rows; `InputError` for a GAN with neither styles nor normal latents."""
        gan, n = request.gan, request.n
        by_styles = isinstance(gan, StyleGAN) and has_styles(gan.generator)
        if not by_styles and gan.latent is not latents.normal:
            raise InputError("mode=truncation needs styles or normal latents, and this GAN has neither: use mode=grid")
        if request.truncation is not None:
            raise InputError("mode=truncation sets truncation= itself: give mode.values=[0.5,1] instead")
        values = list(self.values or (SHARES if by_styles else BOUNDS))
        z, y = request.latents(range(n)), request.labels(range(n))

        def at(value: float) -> Tensor:
            return request.batched(lambda rows: gan.generate(z[rows], None if y is None else y[rows], request.ema, value), n)

        samples = torch.stack([at(value) for value in values], 1).flatten(0, 1)
        labels = None if y is None else y.repeat_interleave(len(values), 0)
        return Sheet(samples, len(values), labels, {"truncation": values, "of": "styles" if by_styles else "latents"})
