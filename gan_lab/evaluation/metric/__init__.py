"""What a set of images is worth beside real ones: the scores of `gan_lab.evaluate`, from features alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import torch
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.moments import Moments

if TYPE_CHECKING:
    from pathlib import Path

    from gan_lab.data.module import Data
    from gan_lab.evaluation.source import Source
    from gan_lab.model.gan import GAN


@dataclass
class Features:
    """A set of images in the eyes of an extractor.

    Attributes:
        features: (N, d) float32; of a reference set perhaps only of its first images.
        logits: (N, K) float32; None: the extractor is no classifier.
        labels: int64 (N,), which the images have or were asked for; None: none.
        all_moments: of all images, where ``features`` are not all of them.
        source: of the images; None: there is nothing left of it.
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
        """Those with this label."""
        assert self.labels is not None
        rows = (self.labels == label).nonzero().squeeze(1)
        return Features(self.features[rows], None if self.logits is None else self.logits[rows], self.labels[rows])


@dataclass
class EvalInputs:
    """What is to be judged, and beside what.

    Attributes:
        sample: the images to be judged.
        reference: the real images that they are compared with.
        held_out: real images that trained nothing; None: there are none.
        extractor: whose features these are.
        folder: where pictures go.
        gan: who made the sample; None: nobody did.
        data: of the reals; None: they came as folders.
        seed: of the sample.
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


@dataclass(frozen=True)
class Quantity:
    """A number that a metric gives.

    Attributes:
        better: the direction of improvement; None: a diagnosis, which ranks nothing.
        unit: such as "%"; empty: none.
    """

    better: Literal["min", "max"] | None
    unit: str = ""


class Score(Protocol):
    """One kind of judgement.

    Attributes:
        better: "min" or "max" for the names that it gives, or for their beginning before ``_``; others have no better.
    """

    better: ClassVar[Mapping[str, str]]

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """Its values by name; empty where it does not apply."""


BLOCK = 2048
"""Rows at a time: what is computed between two sets then fits into memory."""


def blocks(x: Tensor) -> tuple[Tensor, ...]:
    """Rows in float64, a block at a time."""
    return tuple(part.double() for part in x.split(BLOCK))


def distance(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances (N,) of rows in pairs, from their differences: 0 for equal ones, unlike a matrix product's."""
    return (x.double() - y.double()).square().sum(1).sqrt()


def nearest(x: Tensor, y: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """The ``k`` smallest Euclidean distances (N, k) of each row of x to the rows of y, rising, and whose they are (N, k).

    A matrix product finds them, whose error is about 1e-8 of a row's length; then they are computed by `distance`.
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
