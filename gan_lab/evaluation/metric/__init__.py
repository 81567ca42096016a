"""The contract of a metric: numbers about samples, from the features of an extractor, in training and in `gan_lab.evaluate`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, runtime_checkable

from gan_lab.evaluation.inputs import EvalInputs

if TYPE_CHECKING:
    from gan_lab.evaluation.extractor import Extractor


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


@runtime_checkable
class Metric(Protocol):
    """A plain object whose constructor takes numbers, as ``conf/metric/NAME.yaml`` has them.

    Attributes:
        min_samples: fewest images on either side.
    """

    @property
    def min_samples(self) -> int:
        """Fewest images on either side."""

    def quantities(self, extractor: "Extractor") -> Mapping[str, Quantity]:
        """Return all names that it may give with this extractor; the first with a direction is its main one."""

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute values by name; a value that does not exist is left out."""

    def baseline(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the real-data baseline: the values that a perfect generator would get."""


class BaseMetric(ABC):
    """Defaults that most metrics share.

    Attributes:
        min_samples: fewest images on either side.
        needs: inputs beside the sample's features: "reference", features of the reference; "moments", those of the reference
            alone; "images", the images themselves, which training does not keep; "layout", data whose modes are known;
            "characters", the features of this extractor, which serve no other metric that compares features.
    """

    min_samples: int = 2
    needs: ClassVar[frozenset[str]] = frozenset({"reference"})

    @abstractmethod
    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute values by name."""

    def baseline(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the same for held-out reals in the sample's place; empty without any."""
        if inputs.held_out is None:
            return {}
        return self(replace(inputs, sample=inputs.held_out, gan=None, seed=0))
