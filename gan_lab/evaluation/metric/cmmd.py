"""CMMD's kernel distance on the features of any extractor (Jayasumana 2024, https://arxiv.org/abs/2401.09603)."""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.neighbours import blocks
from gan_lab.ranges import Positive


class CMMD:
    """Measure the maximum mean discrepancy between samples and reals by a Gaussian kernel.

    It is the kernel distance (KID) with another kernel and estimator, and like it and a Fréchet distance blind to copies. The
    published CMMD is that of the features of CLIP ViT-L/14 at 336 pixels, scaled to length 1; other extractors give numbers of
    their own, hence the name.

    Args:
        sigma: of the kernel, in units of the features.
        scale: factor of the squared discrepancy.
    """

    min_samples: ClassVar[int] = 2

    def __init__(self, sigma: Positive = 10.0, scale: Positive = 1000.0) -> None:
        self.sigma, self.scale = sigma, scale

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``cmmd_EXTRACTOR``, in fractions 1 / scale of a squared discrepancy."""
        return {f"cmmd_{extractor.name}": Quantity("min", f"1/{self.scale:g}")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the distance between samples and reference."""
        value = cmmd(inputs.sample.features, inputs.reference.features, self.sigma, self.scale)
        return {f"cmmd_{inputs.extractor.name}": value}

    def baseline(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the distance between held-out reals and reference; comparable where there are as many as samples."""
        return {} if inputs.held_out is None else self(replace(inputs, sample=inputs.held_out))


def cmmd(x: Tensor, y: Tensor, sigma: float = 10.0, scale: float = 1000.0) -> float:
    """Compute scale · (mean k(x, x') + mean k(y, y') - 2 mean k(x, y)) with k(a, b) = exp(-|a - b|² / 2 sigma²).

    This is the biased estimate of the authors' code (Gretton 2012, eq. 5: pairs of a row with itself count), not the unbiased
    one of the paper's text. It lies in [0, 2 scale], is 0 for equal sets, and for equal distributions about
    scale (1/N + 1/M) (1 - mean k): compare it at equal N and M.

    The features are taken as they are. On rows of length 1, as CLIP's, no distance exceeds 2: the kernel is almost linear, and
    the value about 10 times the squared distance of the means. On features that lie many sigma apart every k but that of a row
    with itself vanishes, and the value is scale (1/N + 1/M) whatever the sets: choose a sigma of the order of the distances.

    Args:
        x: features (N, d).
        y: features (M, d).
        sigma: of the kernel.
        scale: factor of the result.
    """
    squared = _mean_kernel(x, x, sigma) + _mean_kernel(y, y, sigma) - 2 * _mean_kernel(x, y, sigma)
    return scale * max(squared, 0.0)  # below 0 by rounding alone


def _mean_kernel(x: Tensor, y: Tensor, sigma: float) -> float:
    """Return the mean of the kernel over all pairs, a block at a time."""
    total = sum(float(torch.cdist(a, b).square().div(-2 * sigma**2).exp().sum()) for a in blocks(x) for b in blocks(y))
    return total / (len(x) * len(y))
