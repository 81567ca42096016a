"""Modes covered, on data whose modes are known."""

from collections.abc import Mapping
from typing import ClassVar

from gan_lab.errors import InputError
from gan_lab.evaluation.metric import EvalInputs
from gan_lab.evaluation.metric.mode_coverage import ModeCoverage


class Modes:
    """See `ModeCoverage`; its extractor must be ``pixels``, which leaves points and images as they are.

    Args:
        min_share: of all samples that a mode must hold to be covered.
    """

    better: ClassVar[Mapping[str, str]] = {"modes": "max", "high": "max", "kl": "min"}

    def __init__(self, min_share: float = 0.01) -> None:
        self.min_share = min_share

    def __call__(self, case: EvalInputs) -> dict[str, float]:
        """All three."""
        layout = getattr(case.data, "layout", None)
        if layout is None or case.extractor.name != "pixels":
            raise InputError("eval=modes needs data whose modes are known, gaussians or blobs, and extractor=pixels")
        coverage = ModeCoverage(layout, min_share=self.min_share)
        coverage.update(case.sample.features)
        return coverage.compute()
