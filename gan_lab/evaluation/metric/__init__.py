"""The contract of a metric: numbers about samples, from the features of an extractor, in training and in `gan_lab.evaluate`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.moments import Moments

if TYPE_CHECKING:
    from pathlib import Path

    from gan_lab.data.module import Data
    from gan_lab.evaluation.source import Source
    from gan_lab.model.gan import GAN


@dataclass(frozen=True)
class Quantity:
    """One number that a metric gives.

    Attributes:
        better: "min" or "max"; None: a diagnosis.
        unit: "", "nats", "images", ...
        mean: name of its mean over several extractors; empty: such a mean says nothing.
    """

    better: Literal["min", "max"] | None
    unit: str = ""
    mean: str = ""


@dataclass
class Features:
    """Features of a set of images.

    Attributes:
        features: (N, d), in the extractor's precision; of a large reference set only of its first images.
        logits: (N, K); None: the extractor is no classifier.
        labels: int64 (N,), of the images or those that G was asked for; None: none.
        all_moments: of all images, where ``features`` are not all of them.
        source: the images themselves; None: they are gone.
    """

    features: Tensor
    logits: Tensor | None = None
    labels: Tensor | None = None
    all_moments: Moments | None = None
    source: "Source | None" = None

    @cached_property
    def moments(self) -> Moments:
        """Mean and covariance of all images."""
        return self.all_moments or Moments.of(self.features)

    def __len__(self) -> int:
        """N."""
        return len(self.features)

    def of_class(self, label: int) -> "Features":
        """Return those with this label."""
        assert self.labels is not None
        rows = (self.labels == label).nonzero().squeeze(1)
        return Features(self.features[rows], None if self.logits is None else self.logits[rows], self.labels[rows])


@dataclass
class EvalInputs:
    """Everything that a metric may look at.

    Attributes:
        sample: the images to judge.
        reference: the real images to compare them with.
        held_out: real images that trained nothing; None: there are none.
        extractor: the maker of these features.
        folder: for pictures.
        gan: the maker of the sample; None: unknown, or real images stand in its place.
        data: the data module; None: the reals came as files.
        seed: of the sample's latents.
    """

    sample: Features
    reference: Features
    held_out: Features | None
    extractor: Extractor
    folder: "Path"
    gan: "GAN | None" = None
    data: "Data | None" = None
    seed: int = 0


def with_split_held_out(inputs: EvalInputs) -> EvalInputs:
    """Put every other held-out real in the place of the samples: a real-data baseline for what compares all three sets."""
    assert inputs.held_out is not None
    sample, held_out = (Features(inputs.held_out.features[start::2]) for start in (0, 1))  # sets sorted by class stay balanced
    return replace(inputs, sample=sample, held_out=held_out)


@runtime_checkable
class Metric(Protocol):
    """A plain object whose constructor takes numbers, as ``conf/metric/NAME.yaml`` has them.

    Attributes:
        min_samples: fewest images on either side.
    """

    @property
    def min_samples(self) -> int:
        """Fewest images on either side."""

    def quantities(self, extractor: Extractor) -> Mapping[str, Quantity]:
        """Return all names that it may give with this extractor; the first with a direction is its main one."""

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute values by name; a value that does not exist is left out."""

    def baseline(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the real-data baseline: the values that a perfect generator would get."""


class BaseMetric:
    """Defaults that most metrics share.

    Attributes:
        min_samples: fewest images on either side.
        needs: inputs beside the sample's features: "reference", features of the reference; "moments", those of the reference
            alone; "images", the images themselves, which training does not keep; "layout", data whose modes are known.
    """

    min_samples: int = 2
    needs: ClassVar[frozenset[str]] = frozenset({"reference"})

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute values by name."""
        raise NotImplementedError

    def baseline(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the same for held-out reals in the sample's place; empty without any."""
        if inputs.held_out is None:
            return {}
        return self(replace(inputs, sample=inputs.held_out, gan=None, seed=0))


BLOCK = 2048
"""Rows at a time, so that a matrix between two sets fits into memory."""


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
