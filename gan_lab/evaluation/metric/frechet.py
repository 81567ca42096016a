"""Fréchet distances: of all samples, extrapolated to infinitely many, and within each class."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.evaluation.metric import EvalInputs
from gan_lab.evaluation.moments import Moments, frechet_distance
from gan_lab.rng import make_generator


class Frechet:
    """The distance to the reference: FID in the eyes of Inception (Heusel 2017)."""

    better: ClassVar[Mapping[str, str]] = {"fid": "min", "fd": "min"}

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """One value."""
        return {case.extractor.distance_name: frechet_distance(case.sample.moments, case.reference.moments)}


class Infinity:
    """The distance that infinitely many samples would have (Chong & Forsyth 2020, https://arxiv.org/abs/1911.07023).

    The distance of N samples is about a + b/N: a line through those of several N, each of another random part.

    Args:
        points: numbers of samples, evenly from ``least`` to all.
        least: the smallest of them; None: a tenth of the samples, or twice the features where that is more, for below these
            the line bends; but no more than half of the samples.
    """

    better: ClassVar[Mapping[str, str]] = {"fid": "min", "fd": "min"}

    def __init__(self, points: int = 15, least: int | None = None) -> None:
        if points < 3:
            raise InputError(f"score.infinity.points={points} makes no line: use 3 or more")
        self.points, self.least = points, least

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """The value, and the root mean square of what the line leaves."""
        features, name = case.sample.features, f"{case.extractor.distance_name}_infinity"
        sizes = self.sizes(*features.shape)
        order = [torch.randperm(len(features), generator=make_generator(case.seed, size))[:size] for size in sizes]
        values = [frechet_distance(Moments.of(features[rows]), case.reference.moments) for rows in order]
        value, residual = intercept(1 / torch.tensor(sizes).double(), torch.tensor(values).double())
        return {name: value, f"{name}_residual": residual}

    def sizes(self, n: int, d: int) -> list[int]:
        """The numbers of samples, rising to n, of features of d numbers."""
        least = self.least or max(min(max(n // 10, 2 * d), n // 2), 2)
        if not 2 <= least < n:
            raise InputError(
                f"{n} samples are too few for a line from score.infinity.least={least}: judge more (eval.num_fake=)"
            )
        return torch.linspace(least, n, self.points).long().tolist()


def intercept(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Where the line of least squares through points (n,), (n,) meets x = 0, and the root mean square of what it leaves."""
    design = torch.stack([torch.ones_like(x), x], 1)
    line = torch.linalg.lstsq(design, y[:, None]).solution
    return float(line[0]), float((design @ line - y[:, None]).square().mean().sqrt())


class IntraClass:
    """The mean over classes of the distance between samples asked for and reals of a class (Miyato & Koyama 2018)."""

    better: ClassVar[Mapping[str, str]] = {"fid": "min", "fd": "min"}

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """One value; none for a generator without labels."""
        if case.sample.labels is None or case.reference.labels is None:
            return {}
        classes = case.reference.labels.unique().tolist()
        pairs = [(case.sample.of_class(label), case.reference.of_class(label)) for label in classes]
        if few := [label for label, pair in zip(classes, pairs, strict=True) if min(map(len, pair)) < 2]:
            raise InputError(f"class {few[0]} has fewer than 2 images: judge more samples (eval.num_fake=)")
        distances = [frechet_distance(sample.moments, real.moments) for sample, real in pairs]
        return {f"{case.extractor.distance_name}_intra": sum(distances) / len(distances)}
