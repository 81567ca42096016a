"""Fidelity and diversity apart, by balls around images that reach to their k-th neighbour."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.evaluation.metric import BLOCK, EvalInputs, blocks, distance, nearest

ROUNDING = 1e-12
"""Of a squared distance by a matrix product in float64, in shares of the squared lengths: more than it is."""


class PrecisionRecall:
    """Shares of samples within a ball of the reals, and of reals within one of the samples.

    Kynkaanniemi 2019, https://arxiv.org/abs/1904.06991, eq. 1 and 2.

    Args:
        k: the neighbour to which a ball reaches.
    """

    better: ClassVar[Mapping[str, str]] = {"precision": "max", "recall": "max"}

    def __init__(self, k: int = 3) -> None:
        self.k = k

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """Both."""
        fake, real = case.sample.features, case.reference.features
        inside = {"precision": (fake, real), "recall": (real, fake)}
        return {name: float((hits(x, y, radii(y, self.k)) > 0).double().mean()) for name, (x, y) in inside.items()}


class DensityCoverage:
    """In how many balls of reals a sample lies, and the share of these balls that hold a sample.

    Naeem 2020, https://arxiv.org/abs/2002.09797, eq. 3 and 4.

    Args:
        k: the neighbour to which a ball reaches.
    """

    better: ClassVar[Mapping[str, str]] = {"density": "max", "coverage": "max"}

    def __init__(self, k: int = 5) -> None:
        self.k = k

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """Both."""
        fake, real = case.sample.features, case.reference.features
        reach = radii(real, self.k)
        nearest_fake = nearest(real, fake)[0][:, 0]
        return {
            "density": float(hits(fake, real, reach).double().mean()) / self.k,
            "coverage": float((nearest_fake <= reach).double().mean()),
        }


def radii(x: Tensor, k: int) -> Tensor:
    """The distance (N,) of each row to its k-th neighbour, itself left out."""
    if len(x) <= k:
        raise InputError(f"a {k}-th neighbour needs more than {k} images, not {len(x)}: judge more (eval.num_fake=)")
    return nearest(x, x, k + 1)[0][:, k]


def hits(x: Tensor, centres: Tensor, reach: Tensor) -> Tensor:
    """In how many of the balls around ``centres`` each row of x lies (N,); a ball holds what is as far as it reaches."""
    balls = list(zip(blocks(centres), reach.split(BLOCK), strict=True))
    return torch.cat([torch.stack([_within(part, some, r).sum(1) for some, r in balls]).sum(0) for part in blocks(x)])


def _within(x: Tensor, centres: Tensor, reach: Tensor) -> Tensor:
    """Which rows of x lie in which balls (N, M): where rounding in a matrix product may decide, by the exact distance."""
    squares = torch.cdist(x, centres).square()
    inside = squares <= reach.square()
    doubtful = (squares - reach.square()).abs() <= ROUNDING * (x.square().sum(1)[:, None] + centres.square().sum(1))
    for pairs in doubtful.nonzero().split(BLOCK):
        row, ball = pairs.T
        inside[row, ball] = distance(x[row], centres[ball]) <= reach[ball]
    return inside
