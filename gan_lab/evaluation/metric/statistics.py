"""Statistics of single features and of pairs, for data of any shape: a table's columns, a signal's positions, pixels."""

import torch
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.ranges import Count

AT_ONCE = 2**22
"""Numbers of both sets that are sorted at once."""


class FeatureStatistics(BaseMetric):
    """Compare each feature's distribution with that of the reals, and each pair's correlation; together they say where G errs.

    Args:
        max_correlated: features up to which correlations are computed, a matrix of their number squared.
    """

    def __init__(self, max_correlated: Count = 4096) -> None:
        self.max_correlated = max_correlated

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``w1_EXTRACTOR``, ``ks_EXTRACTOR`` and ``correlation_EXTRACTOR``."""
        units = {"w1": "standard deviations", "ks": "", "correlation": ""}
        return {f"{name}_{extractor.name}": Quantity("min", unit) for name, unit in units.items()}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute all three.

        w1: mean over the features of the Wasserstein-1 distance, in standard deviations of the reals' feature (of all features
            together where it is constant).
        ks: mean over the features of the Kolmogorov-Smirnov statistic, the largest difference of the distribution functions.
        correlation: mean absolute difference of the correlation coefficients of all pairs of features; left out for a single
            feature and for more than ``max_correlated``. A constant feature correlates with none.
        """
        x, y, name = inputs.sample.features.double(), inputs.reference.features.double(), inputs.extractor.name
        distances, gaps = marginal_distances(x, y)
        values = {f"w1_{name}": float((distances / scale(y)).mean()), f"ks_{name}": float(gaps.mean())}
        if 1 < (d := x.shape[1]) <= self.max_correlated:
            difference = (correlations(x) - correlations(y)).abs()
            values[f"correlation_{name}"] = float(difference.sum() / (d * (d - 1)))
        return values


def marginal_distances(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the Wasserstein-1 distance and the Kolmogorov-Smirnov statistic, each (d,), of features (N, d) and (M, d)."""
    parts = max(1, AT_ONCE // (len(x) + len(y)))
    found = [_marginal(a, b) for a, b in zip(x.T.split(parts), y.T.split(parts), strict=True)]
    distances, gaps = (torch.cat(each) for each in zip(*found, strict=True))
    return distances, gaps


def _marginal(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Integrate |F - G| of two empirical distribution functions, and take its maximum, along rows (d, N) and (d, M)."""
    every = torch.cat([x, y], 1).sort(1).values
    f, g = (torch.searchsorted(z.sort(1).values.contiguous(), every, right=True) / z.shape[1] for z in (x, y))
    gap = (f - g).abs().double()
    return (gap[:, :-1] * every.diff(dim=1)).sum(1), gap.amax(1)


def scale(reals: Tensor) -> Tensor:
    """Return the standard deviation of each feature (d,); for a constant one that of all numbers, or 1."""
    own, together = reals.std(0, correction=0), reals.std(correction=0)
    fallback = torch.where(together > 0, together, torch.ones_like(together))
    return torch.where(own > 0, own, fallback)


def correlations(x: Tensor) -> Tensor:
    """Return the correlation matrix (d, d) of features (N, d); 0 beside a constant feature, and 1 on the diagonal."""
    z = x - x.mean(0)
    z = z / z.norm(dim=0).where(x.std(0, correction=0) > 0, torch.inf)
    return (z.T @ z).fill_diagonal_(1)
