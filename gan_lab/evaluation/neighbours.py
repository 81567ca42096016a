"""Balls around features that reach to their k-th neighbour, by which precision, recall, density and coverage count."""

import torch
from torch import Tensor

from gan_lab.evaluation.metric import BLOCK, blocks, distance, nearest

ROUNDING = 1e-12
"""Bound on the error of a squared distance by a matrix product in float64, as a share of the squared lengths."""


def radii(x: Tensor, k: int) -> Tensor:
    """Compute the distance (N,) of each row to its k-th neighbour, itself left out; N > k."""
    return nearest(x, x, k + 1)[0][:, k]


def hits(x: Tensor, centres: Tensor, reach: Tensor) -> Tensor:
    """Count the balls around ``centres`` that each row of x lies in (N,); a ball includes its surface."""
    balls = list(zip(blocks(centres), reach.split(BLOCK), strict=True))
    return torch.cat([torch.stack([_within(part, some, r).sum(1) for some, r in balls]).sum(0) for part in blocks(x)])


def _within(x: Tensor, centres: Tensor, reach: Tensor) -> Tensor:
    """Tell which rows of x lie in which balls (N, M), by the exact distance where rounding of a matrix product may decide."""
    squares = torch.cdist(x, centres).square()
    inside = squares <= reach.square()
    doubtful = (squares - reach.square()).abs() <= ROUNDING * (x.square().sum(1)[:, None] + centres.square().sum(1))
    for pairs in doubtful.nonzero().split(BLOCK):
        row, ball = pairs.T
        inside[row, ball] = distance(x[row], centres[ball]) <= reach[ball]
    return inside
