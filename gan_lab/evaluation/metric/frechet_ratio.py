"""Fréchet distance of the samples as a multiple of that of held-out reals, comparable and averaged over extractors.

A distance alone can be optimised for its extractor and then misranks (Kynkaanniemi 2023, https://arxiv.org/abs/2203.06026).
Distances of several extractors have no common scale; their ratios to the real-data baseline do, and so they have a mean.
"""

from typing import ClassVar

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.evaluation.moments import frechet_distance


class FrechetRatio(BaseMetric):
    """FD(sample, reference) / FD(held-out, reference): 1 for a perfect generator where both have equally many images."""

    needs: ClassVar[frozenset[str]] = frozenset({"moments"})

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``fd_ratio_EXTRACTOR``; over several extractors their mean is ``fd_ratio``."""
        return {f"fd_ratio_{extractor.name}": Quantity("min", mean="fd_ratio")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the ratio; empty without held-out reals, or where these are no other than the reference."""
        if inputs.held_out is None:
            return {}
        sample, real = (frechet_distance(one.moments, inputs.reference.moments) for one in (inputs.sample, inputs.held_out))
        return {f"fd_ratio_{inputs.extractor.name}": sample / real} if real else {}
