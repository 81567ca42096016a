"""Improved precision and recall (Kynkaanniemi 2019, https://arxiv.org/abs/1904.06991)."""

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.evaluation.neighbours import hits, radii
from gan_lab.ranges import Count


class PrecisionRecall(BaseMetric):
    """Share of samples within a ball around a real (eq. 1), and of reals within a ball around a sample (eq. 2).

    Args:
        k: the neighbour to which a ball reaches.
    """

    def __init__(self, k: Count = 3) -> None:
        self.k, self.min_samples = k, k + 1

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``precision`` and ``recall``."""
        return {"precision": Quantity("max"), "recall": Quantity("max")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute both, in [0, 1]."""
        fake, real = inputs.sample.features, inputs.reference.features
        inside = {"precision": (fake, real), "recall": (real, fake)}
        return {name: float((hits(x, y, radii(y, self.k)) > 0).double().mean()) for name, (x, y) in inside.items()}
