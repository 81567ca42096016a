"""Monge Inception Distance (arXiv:2605.06797): transport along lines, which needs fewer samples than a Fréchet distance."""

import torch
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.ranges import Size
from gan_lab.rng import make_generator


class SlicedWasserstein(BaseMetric):
    """3 d times the mean squared Wasserstein-2 distance of the features along random directions: 3 |c|^2 for a shift by c.

    Args:
        directions: number of directions.
    """

    def __init__(self, directions: Size = 1000) -> None:
        self.directions = directions

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``mind_EXTRACTOR``."""
        return {f"mind_{extractor.name}": Quantity("min")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute it from as many samples as reals: of the larger set a random part."""
        x, y, draws = inputs.sample.features, inputs.reference.features, make_generator(inputs.seed)
        n = min(len(x), len(y))
        x, y = (z if len(z) == n else z[torch.randperm(len(z), generator=draws)[:n]] for z in (x, y))
        return {f"mind_{inputs.extractor.name}": sliced_wasserstein(x, y, self.directions)}


def sliced_wasserstein(x: Tensor, y: Tensor, directions: int) -> float:
    """Compute it from features (N, d) each; the directions are the same for every pair of sets of this d."""
    d, total = x.shape[1], 0.0
    for part in torch.randn(directions, d, dtype=torch.float64, generator=make_generator(d)).to(x.device).split(100):
        lines = part.T / part.norm(dim=1)
        ends = [(z.double() @ lines).sort(0).values for z in (x, y)]
        total += float((ends[0] - ends[1]).square().mean(0).sum())
    return 3 * d * total / directions
