"""The inputs of every metric: features of samples, of the reference and of held-out reals."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from gan_lab.evaluation.moments import Moments
from gan_lab.plot.display import Display, Pictures

if TYPE_CHECKING:
    from pathlib import Path

    from gan_lab.data.module import Data
    from gan_lab.evaluation.extractor import Extractor
    from gan_lab.evaluation.source import Source
    from gan_lab.model.gan import GAN


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
        display: shows images.
    """

    sample: Features
    reference: Features
    held_out: Features | None
    extractor: "Extractor"
    folder: "Path"
    gan: "GAN | None" = None
    data: "Data | None" = None
    seed: int = 0
    display: Display = field(default_factory=Pictures)


def with_split_held_out(inputs: EvalInputs) -> EvalInputs:
    """Put every other held-out real in the place of the samples: a real-data baseline for what compares all three sets."""
    assert inputs.held_out is not None
    sample, held_out = (Features(inputs.held_out.features[start::2]) for start in (0, 1))  # sets sorted by class stay balanced
    return replace(inputs, sample=sample, held_out=held_out)
