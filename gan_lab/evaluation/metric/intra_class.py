"""Intra-class Fréchet distance (Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637, section 4)."""

from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.evaluation.moments import frechet_distance


class IntraClass(BaseMetric):
    """Mean over classes of the Fréchet distance between samples asked for and reals of a class."""

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``fid_intra`` or ``fd_EXTRACTOR_intra``."""
        return {f"{extractor.named('fd')}_intra": Quantity("min")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the mean; empty where either side has no labels."""
        if inputs.sample.labels is None or inputs.reference.labels is None:
            return {}
        classes = inputs.reference.labels.unique().tolist()
        pairs = [(inputs.sample.of_class(label), inputs.reference.of_class(label)) for label in classes]
        if few := [label for label, pair in zip(classes, pairs, strict=True) if min(map(len, pair)) < 2]:
            raise InputError(f"class {few[0]} has fewer than 2 images: judge more samples (eval.num_fake=)")
        distances = [frechet_distance(sample.moments, real.moments) for sample, real in pairs]
        return {f"{inputs.extractor.named('fd')}_intra": sum(distances) / len(distances)}
