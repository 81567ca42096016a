"""Fréchet distance of features: FID on those of the 2015 Inception (Heusel 2017, https://arxiv.org/abs/1706.08500, eq. 6)."""

from typing import ClassVar

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.evaluation.moments import frechet_distance


class Frechet(BaseMetric):
    """Distance between the Gaussians with the moments of sample and reference; it reads high with few samples."""

    needs: ClassVar[frozenset[str]] = frozenset({"moments"})

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``fid`` or ``fd_EXTRACTOR``."""
        return {extractor.named("fd"): Quantity("min")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the distance, at least 0."""
        return {inputs.extractor.named("fd"): frechet_distance(inputs.sample.moments, inputs.reference.moments)}
