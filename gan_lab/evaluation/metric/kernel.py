"""Kernel distance: KID on the features of the 2015 Inception (Binkowski 2018, https://arxiv.org/abs/1801.01401)."""

import torch
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.evaluation.neighbours import blocks
from gan_lab.ranges import AtLeastTwo, Count
from gan_lab.rng import make_generator


class Kernel(BaseMetric):
    """Squared maximum mean discrepancy with the kernel (x·y / d + 1)^3, unbiased: may be below 0 for equal distributions.

    Args:
        subsets: random pairs of subsets, whose standard deviation is the uncertainty of the value.
        subset_size: images of a subset; fewer where there are fewer images.
    """

    def __init__(self, subsets: Count = 100, subset_size: AtLeastTwo = 1000) -> None:
        self.subsets, self.subset_size = subsets, subset_size
        self.known: dict[str, tuple[Features, float]] = {}  # by extractor: a reference and `within` of it

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``kid`` or ``kd_EXTRACTOR``, and its standard deviation over subsets."""
        name = extractor.named("kd")
        return {name: Quantity("min"), f"{name}_std": Quantity(None)}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the distance of all images, and the standard deviation over the pairs of subsets."""
        x, y, name = inputs.sample.features, inputs.reference.features, inputs.extractor.named("kd")
        if name not in self.known or self.known[name][0] is not inputs.reference:  # most of the work, the same for all seeds
            self.known[name] = inputs.reference, within(y)
        draws, size = make_generator(inputs.seed), min(self.subset_size, len(x), len(y))
        values = []
        for _ in range(self.subsets):
            some, others = (z[torch.randperm(len(z), generator=draws)[:size]] for z in (x, y))
            values.append(kernel_distance(some, others))
        return {
            name: kernel_distance(x, y, self.known[name][1]),
            f"{name}_std": float(torch.tensor(values, dtype=torch.float64).std(correction=0)),
        }


def kernel_distance(x: Tensor, y: Tensor, within_y: float | None = None) -> float:
    """Estimate the distance without bias from features (N, d) and (M, d), eq. 4; in blocks: no N x M matrix is kept.

    Args:
        x: one set; N > 1.
        y: the other; M > 1.
        within_y: `within` of y, where it is known.
    """
    return within(x) + (within(y) if within_y is None else within_y) - 2 * _sum(x, y) / (len(x) * len(y))


def within(x: Tensor) -> float:
    """Compute the mean kernel of two different rows."""
    return (_sum(x, x) - float(_kernel_diagonal(x).sum())) / (len(x) * (len(x) - 1))


def _sum(x: Tensor, y: Tensor) -> float:
    return sum(float(((a @ b.T) / a.shape[1] + 1).pow(3).sum()) for a in blocks(x) for b in blocks(y))


def _kernel_diagonal(x: Tensor) -> Tensor:
    return (x.double().square().sum(1) / x.shape[1] + 1).pow(3)
