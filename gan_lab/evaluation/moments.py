"""Mean and covariance of features, and the Fréchet distance between two of them (Dowson & Landau 1982; Heusel 2017, eq. 6)."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gan_lab.errors import InputError

RANK = 1e-12
"""Eigenvalues below this share of the largest are roundoff."""


@dataclass
class Moments:
    """Mean and covariance of ``n`` features of ``d`` numbers, in float64.

    Attributes:
        n: how many.
        mean: (d,).
        covariance: (d, d), divided by n - 1.
        centred: (n, d) features less their mean, kept where there are fewer than d: the distance is then exact.
    """

    n: int
    mean: Tensor
    covariance: Tensor
    centred: Tensor | None = None

    @classmethod
    def of(cls, features: Tensor) -> "Moments":
        """Compute them from features (n, d)."""
        sums = Sums(features.shape[1], features.device)
        for part in features.split(8192):
            sums.add(part)
        moments = sums.moments()
        if len(features) < features.shape[1]:
            moments.centred = features.double() - moments.mean
        return moments

    @cached_property
    def factor(self) -> Tensor:
        """Factor A (d, r) with A A^T the covariance, r its rank; on the CPU, the longest column first."""
        values, vectors = torch.linalg.eigh(self.covariance.cpu())
        kept = values > RANK * values[-1].clamp_min(torch.finfo(values.dtype).tiny)
        return (vectors[:, kept] * values[kept].sqrt()).flip(1)


class Sums:
    """Running sums for moments of features in any number of batches.

    Args:
        d: numbers of a feature.
        device: to add up on; one with float64.
    """

    def __init__(self, d: int, device: torch.device | str = "cpu") -> None:
        self.n, self.shift = 0, torch.zeros(d, dtype=torch.float64, device=device)
        self.first, self.second = torch.zeros_like(self.shift), torch.zeros(d, d, dtype=torch.float64, device=device)

    def add(self, features: Tensor) -> None:
        """Add features (n, d); the first of all sets the origin, for a mean far from 0 costs digits."""
        features = features.double()
        if self.n == 0 and len(features):
            self.shift = features[0].clone()  # batches may share one buffer
        centred = features - self.shift
        self.n += len(features)
        self.first = self.first + centred.sum(0)
        self.second.addmm_(centred.T, centred)

    def moments(self) -> Moments:
        """Return the moments of all so far."""
        if self.n < 2:
            raise InputError(f"a covariance needs 2 images or more, not {self.n}")
        mean = self.first / self.n
        return Moments(self.n, self.shift + mean, (self.second - self.n * mean.outer(mean)) / (self.n - 1))


def merged(parts: list[Moments]) -> Moments:
    """Merge moments of shards (Chan 1979)."""
    n = sum(part.n for part in parts)
    mean = torch.stack([part.n * part.mean for part in parts]).sum(0) / n
    spread = [(part.n - 1) * part.covariance + part.n * (part.mean - mean).outer(part.mean - mean) for part in parts]
    return Moments(n, mean, torch.stack(spread).sum(0) / (n - 1))


def frechet_distance(a: Moments, b: Moments) -> float:
    """Compute |mean_a - mean_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)); symmetric up to rounding, 0 for equal moments.

    The trace of the root is the sum of the singular values of X_a A_b, or the square roots of the eigenvalues of
    A_b^T S_a A_b, with A_b a factor of S_b: unlike the eigenvalues of S_a S_b these are of a symmetric matrix. Its entries fall
    from the first to the last, and so LAPACK finds the small eigenvalues to their last digits; in the other order, variances
    that fall as 1 / i^3 cost the distance ten digits. Pass as ``b`` what is used again, for its factor is kept.
    """
    if len(a.mean) != len(b.mean):
        raise InputError(f"features of {len(a.mean)} and of {len(b.mean)} numbers do not compare: use one extractor for both")
    apart = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace()
    if a.centred is not None:
        root = torch.linalg.svdvals(a.centred.cpu() @ b.factor).sum() / (a.n - 1) ** 0.5
    else:
        root = torch.linalg.eigvalsh(b.factor.T @ a.covariance.cpu() @ b.factor).clamp_min(0).sqrt().sum()
    return max(float(apart.cpu() - 2 * root), 0.0)
