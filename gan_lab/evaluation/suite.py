"""Metrics on the features of extractors: one set of them, in training and in `gan_lab.evaluate` alike."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch

from gan_lab.errors import InputError, pick
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.features import QUANTISER
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Metric, Quantity
from gan_lab.evaluation.processes import on_first

if TYPE_CHECKING:
    from gan_lab.data.module import Data


BASE = f"{BaseMetric.__module__}.{BaseMetric.__name__}"
SINGULAR = "no more images than the {} features of {}: a covariance is singular, so compare the distance with no other number"


class MetricSuite:
    """All metrics on all extractors.

    Where several extractors give a quantity of one name, the extractor's name is added to it.

    Args:
        metrics: by name; None or empty: nothing is judged.
        extractors: by name.

    Attributes:
        extractors: in their order; none without metrics.
        quantities: every name that `values` may give, with its direction and unit, those of the first metric first.
    """

    def __init__(self, metrics: Mapping[str, Metric] | None = None, extractors: Mapping[str, Extractor] | None = None) -> None:
        self.metrics = dict(metrics or {})
        self.extractors = list((extractors or {}).values()) if self.metrics else []
        for name, metric in self.metrics.items():
            if not isinstance(metric, Metric):
                raise InputError(f"metric={name} is no metric: derive {type(metric).__name__} from {BASE}")
        if self.metrics and not self.extractors:
            raise InputError(f"metric={next(iter(self.metrics))} needs features: choose extractor=pixels, or another")
        self.quantities: dict[str, Quantity] = {}
        self._full_names: dict[tuple[str, str], str] = {}  # (extractor, name that a metric gives) -> name
        self._means: dict[str, list[str]] = {}  # of several extractors
        for metric in self.metrics.values():
            self._add(metric)

    def _add(self, metric: Metric) -> None:
        served = [each for each in self.extractors if serves(each, metric)]
        found = [(each.name, *given) for each in served for given in metric.quantities(each).items()]
        count = Counter(name for _, name, _ in found)
        for extractor, name, quantity in found:
            self._full_names[extractor, name] = full_name = name if count[name] == 1 else f"{name}_{extractor}"
            self.quantities[full_name] = quantity
            if quantity.mean and len(self.extractors) > 1:
                self._means.setdefault(quantity.mean, []).append(full_name)
        means = {quantity.mean: Quantity(quantity.better, quantity.unit) for _, _, quantity in found}
        self.quantities |= {mean: quantity for mean, quantity in means.items() if mean in self._means}

    def __bool__(self) -> bool:
        """Whether there is anything to judge by."""
        return bool(self.metrics)

    def choose(self, primary: str | None) -> tuple[str | None, str | None]:
        """Return the quantity that chooses a checkpoint and "min" or "max", for ``primary=``; (None, None) where none can."""
        directions = {name: each.better for name, each in self.quantities.items() if each.better}
        if not self.metrics or (not directions and primary is None):
            return None, None
        if not directions:
            raise InputError(f"primary={primary} cannot choose a checkpoint: no metric of this run has a better direction")
        name = next(iter(directions)) if primary is None else primary
        return name, pick(directions, name, "primary")

    # ----- refused before any work ---------------------------------------------------------------------------------------

    def check(self, data: "Data | None", has_images: bool = True) -> None:
        """Refuse a metric whose needs are not met; ``has_images``: the images themselves stay at hand."""
        sees_pixels = any(extractor.name == Pixels.name for extractor in self.extractors)
        for name, metric in self.metrics.items():
            if "characters" in needs(metric) and len(self.metrics) == 1 and not self.quantities:
                raise InputError(f"metric={name} reads text: use data=text_lines and extractor=characters")
            if not any(serves(extractor, metric) for extractor in self.extractors) and len(self.metrics) == 1:
                raise InputError(
                    f"metric={name} measures distances, and the numbers of characters have none: use metric=ngrams or "
                    "extractor=pixels"
                )
            if "layout" in needs(metric) and not (sees_pixels and getattr(data, "layout", None)):
                raise InputError(f"metric={name} needs data whose modes are known, gaussians or blobs, and extractor=pixels")
            if "images" in needs(metric) and not has_images:
                raise InputError(
                    f"metric={name} needs the images themselves, which training does not keep: use gan_lab.evaluate"
                )

    def check_counts(self, counts: Mapping[str, int | None], remedy: str) -> None:
        """Refuse too few images of a kind; None: their number is not known."""
        for name, metric in self.metrics.items():
            for kind, n in counts.items():
                if n is not None and n < metric.min_samples:
                    raise InputError(f"metric={name} needs {metric.min_samples} {kind} or more, not {n}: {remedy}")

    # ----- judging -------------------------------------------------------------------------------------------------------

    def to(self, device: torch.device) -> None:
        """Move the extractors to a device."""
        for extractor in self.extractors:
            extractor.to(device)

    def values(self, inputs: Sequence[EvalInputs]) -> dict[str, float]:
        """Compute all values, the same in all processes, each of which must call it.

        Args:
            inputs: of each extractor.
        """
        return on_first(lambda: self._judge(inputs, lambda metric, each: metric(each)))

    def baseline(self, inputs: Sequence[EvalInputs]) -> dict[str, float]:
        """Compute the real-data baseline of all values, as `values` does."""
        return on_first(lambda: self._judge(inputs, lambda metric, each: metric.baseline(each)))

    def _judge(self, inputs: Sequence[EvalInputs], ask: Callable[[Metric, EvalInputs], dict[str, float]]) -> dict[str, float]:
        found: dict[str, float] = {}
        for each in inputs:
            for title, metric in self.metrics.items():
                for name, value in (ask(metric, each) if serves(each.extractor, metric) else {}).items():
                    if (full_name := self._full_names.get((each.extractor.name, name))) is None:
                        raise InputError(f"metric={title} gives '{name}', which its quantities() leave out: add it there")
                    found[full_name] = value
        for mean, names in self._means.items():
            if all(name in found for name in names):
                found[mean] = fmean(found[name] for name in names)
        return {name: found[name] for name in self.quantities if name in found}

    # ----- what decides the values ---------------------------------------------------------------------------------------

    def protocol(self) -> dict[str, Any]:
        """Return what a reader must know of the extractors to compare values, as plain data."""
        facts = {each.name: {"weights_sha256": each.weights_sha256, "resize": each.resize} for each in self.extractors}
        return {"extractors": facts, "quantiser": QUANTISER}

    def notes(self, inputs: Sequence[EvalInputs], n: int) -> list[str]:
        """Return a sentence for each extractor on which a Fréchet distance of n samples compares with few others."""
        if not any("moments" in needs(metric) for metric in self.metrics.values()):
            return []
        moments = {each.extractor.name: each.reference.moments for each in inputs}
        few = {name: len(each.mean) for name, each in moments.items() if min(n, each.n or n) <= len(each.mean)}
        return [SINGULAR.format(d, name) for name, d in few.items()]


def serves(extractor: Extractor, metric: Metric) -> bool:
    """Return whether a metric says anything on these features, which may have no distances."""
    return extractor.has_distances or bool(needs(metric) & {"characters", "images"})


def needs(metric: Metric) -> frozenset[str]:
    """Return the inputs that a metric needs, see `BaseMetric`."""
    found: frozenset[str] = getattr(metric, "needs", BaseMetric.needs)
    return found
