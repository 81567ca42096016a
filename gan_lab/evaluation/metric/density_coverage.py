"""Density and coverage (Naeem 2020, https://arxiv.org/abs/2002.09797)."""

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.evaluation.neighbours import hits, nearest, radii
from gan_lab.ranges import Count


class DensityCoverage(BaseMetric):
    """Mean number of reals' balls around a sample, divided by k (eq. 3), and share of these balls that hold a sample (eq. 4).

    Args:
        k: the neighbour to which a ball reaches.
    """

    def __init__(self, k: Count = 5) -> None:
        self.k, self.min_samples = k, k + 1

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``density`` and ``coverage``."""
        return {"density": Quantity("max"), "coverage": Quantity("max")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute both; density may exceed 1."""
        fake, real = inputs.sample.features, inputs.reference.features
        reach = radii(real, self.k)
        nearest_fake = nearest(real, fake)[0][:, 0]
        return {
            "density": float(hits(fake, real, reach).double().mean()) / self.k,
            "coverage": float((nearest_fake <= reach).double().mean()),
        }
