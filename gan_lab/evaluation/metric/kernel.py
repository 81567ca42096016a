"""Kernel distance: KID in the eyes of Inception (Binkowski 2018, https://arxiv.org/abs/1801.01401)."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.evaluation.metric import EvalInputs, Features, blocks
from gan_lab.rng import make_generator


class Kernel:
    """Squared maximum mean discrepancy by the kernel (x·y / d + 1)^3, unbiased: may be below 0 for equal distributions.

    Args:
        subsets: random pairs of parts, whose standard deviation says how sure the value is.
        subset_size: of a part; fewer where there are fewer images.
    """

    better: ClassVar[Mapping[str, str]] = {"kid": "min", "kd": "min"}

    def __init__(self, subsets: int = 100, subset_size: int = 1000) -> None:
        self.subsets, self.subset_size = subsets, subset_size
        self.reference: Features | None = None
        self.within_reference = 0.0

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """Of all images, and the standard deviation over the pairs of parts."""
        x, y, name = case.sample.features, case.reference.features, case.extractor.kernel_name
        if self.reference is not case.reference:  # most of the work, and the same for every seed
            self.reference, self.within_reference = case.reference, within(y)
        draws, size = make_generator(case.seed), min(self.subset_size, len(x), len(y))
        values = []
        for _ in range(self.subsets):
            some, others = (z[torch.randperm(len(z), generator=draws)[:size]] for z in (x, y))
            values.append(kernel_distance(some, others))
        return {
            name: kernel_distance(x, y, self.within_reference),
            f"{name}_std": float(torch.tensor(values, dtype=torch.float64).std(correction=0)),
        }


def kernel_distance(x: Tensor, y: Tensor, within_y: float | None = None) -> float:
    """Unbiased estimate from features (N, d) and (M, d), eq. 4; in blocks, so that no N x M matrix is kept.

    Args:
        x: one set.
        y: the other.
        within_y: `within` of y, where it is known.
    """
    return within(x) + (within(y) if within_y is None else within_y) - 2 * _sum(x, y) / (len(x) * len(y))


def within(x: Tensor) -> float:
    """The mean kernel of two different rows."""
    if len(x) < 2:
        raise InputError(f"a kernel distance needs 2 images or more on both sides, not {len(x)}: judge more (eval.num_fake=)")
    return (_sum(x, x) - float(_kernel_diagonal(x).sum())) / (len(x) * (len(x) - 1))


def _sum(x: Tensor, y: Tensor) -> float:
    return sum(float(((a @ b.T) / a.shape[1] + 1).pow(3).sum()) for a in blocks(x) for b in blocks(y))


def _kernel_diagonal(x: Tensor) -> Tensor:
    return (x.double().square().sum(1) / x.shape[1] + 1).pow(3)
