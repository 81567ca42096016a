"""Fréchet distance of infinitely many samples, extrapolated (Chong & Forsyth 2020, https://arxiv.org/abs/1911.07023)."""

from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.evaluation.moments import Moments, frechet_distance
from gan_lab.ranges import AtLeastTwo
from gan_lab.rng import make_generator


class FrechetInfinity(BaseMetric):
    """Intercept of a line through the distances of several numbers of samples, each of another random part.

    The distance of N samples is about a + b/N.

    Args:
        points: numbers of samples, evenly from ``least`` to all.
        least: the smallest of them; None: a tenth of the samples, or twice the features where that is more, for below these
            the line bends; but no more than half of the samples.
    """

    min_samples = 3
    needs: ClassVar[frozenset[str]] = frozenset({"moments"})

    def __init__(self, points: AtLeastTwo = 15, least: AtLeastTwo | None = None) -> None:
        if points < 3:
            raise InputError(f"metric.frechet_infinity.points={points} makes no line: use 3 or more")
        self.points, self.least = points, least

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return the distance and the root mean square residual of the line."""
        name = f"{extractor.named('fd')}_infinity"
        return {name: Quantity("min"), f"{name}_residual": Quantity(None)}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute both; the distance of good samples may read below 0."""
        features, name = inputs.sample.features, f"{inputs.extractor.named('fd')}_infinity"
        sizes = self.sizes(*features.shape)
        order = [torch.randperm(len(features), generator=make_generator(inputs.seed, size))[:size] for size in sizes]
        values = [frechet_distance(Moments.of(features[rows]), inputs.reference.moments) for rows in order]
        value, residual = intercept(1 / torch.tensor(sizes).double(), torch.tensor(values).double())
        return {name: value, f"{name}_residual": residual}

    def sizes(self, n: int, d: int) -> list[int]:
        """Return the numbers of samples, rising to n, for d features."""
        least = self.least or max(min(max(n // 10, 2 * d), n // 2), 2)
        if not 2 <= least < n:
            raise InputError(
                f"{n} samples are too few for a line from metric.frechet_infinity.least={least}: judge more (eval.num_fake=)"
            )
        return torch.linspace(least, n, self.points).long().tolist()


def intercept(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Fit a line to points (n,), (n,) by least squares; return its value at x = 0 and the root mean square residual."""
    design = torch.stack([torch.ones_like(x), x], 1)
    line = torch.linalg.lstsq(design, y[:, None]).solution
    return float(line[0]), float((design @ line - y[:, None]).square().mean().sqrt())
