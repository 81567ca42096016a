"""Features without images, and an extractor that shows how often it was asked."""

from pathlib import Path

import torch
from torch import Tensor

from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.rng import make_generator


class Eyes(Pixels):
    """Pixels as features, the first of them as logits; ``seen`` is how many images each call brought."""

    name = "eyes"
    counts_classes = knows_labels = True

    def __init__(self, num_classes: int = 0, splits: int = 1) -> None:
        self.num_classes, self.splits = num_classes, splits
        self.seen: list[int] = []

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        self.seen.append(len(images))
        features, _ = super().__call__(images)
        return features, features[:, : self.num_classes] if self.num_classes else None


def case(
    sample: Tensor, reference: Tensor, held_out: Tensor | None = None, extractor=None, folder=Path("unused"), **more
) -> EvalInputs:
    """Inputs of features (N, d)."""
    sets = (Features(sample), Features(reference), None if held_out is None else Features(held_out))
    return EvalInputs(*sets, extractor or Eyes(), folder, **more)


def normal(n: int, d: int, seed: int = 0, std: float = 1.0) -> Tensor:
    """Features (n, d) in float64."""
    return std * torch.randn(n, d, dtype=torch.float64, generator=make_generator(seed))
