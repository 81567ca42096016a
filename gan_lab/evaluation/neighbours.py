"""Distances between features: nearest neighbours, and balls that reach to the k-th (precision, recall, density, coverage)."""

import torch
from torch import Tensor

BLOCK = 2048
"""Rows at a time, so that a matrix between two sets fits into memory."""

ROUNDING = 1e-12
"""Bound on the error of a squared distance by a matrix product in float64, as a share of the squared lengths."""


def blocks(x: Tensor) -> tuple[Tensor, ...]:
    """Split rows into blocks of float64."""
    return tuple(part.double() for part in x.split(BLOCK))


def distance(x: Tensor, y: Tensor) -> Tensor:
    """Compute Euclidean distances (N,) of paired rows from their differences: 0 for equal ones, unlike a matrix product's."""
    return (x.double() - y.double()).square().sum(1).sqrt()


def nearest(x: Tensor, y: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """Find the ``k`` nearest rows of y for each row of x: Euclidean distances (N, k), rising, and row numbers (N, k).

    A matrix product finds them with an error of about 1e-8 of a row's length; `distance` then computes them exactly.
    """
    distances, rows = [], []
    for part in blocks(x):
        found = [torch.cdist(part, other).topk(min(k, len(other)), largest=False) for other in blocks(y)]
        whose = torch.cat([index + BLOCK * number for number, (_, index) in enumerate(found)], 1)
        best = torch.cat([values for values, _ in found], 1).topk(k, largest=False).indices
        whose = whose.gather(1, best)
        exact = torch.stack([distance(part, y[column]) for column in whose.T], 1).sort(1)
        distances.append(exact.values)
        rows.append(whose.gather(1, exact.indices))
    return torch.cat(distances), torch.cat(rows)


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
