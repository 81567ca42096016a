"""Soft and noisy labels (Salimans 2016, https://arxiv.org/abs/1606.03498, section 3.4; ganhacks 6)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.ranges import Fraction
from gan_lab.rng import StepRNG
from gan_lab.trick import Trick

if TYPE_CHECKING:
    from gan_lab.model.base import GANModule


class SoftLabels(Trick):
    """Targets of D's cross-entropy near 1 for reals and near 0 for fakes, drawn anew for each image and step.

    G's loss keeps its own. A trick after another softens what that one gave.

    Args:
        real: the target of reals, or the two ends of the range in which it is uniform.
        fake: the same of fakes.
        flip: the chance of an image to be given a target of the other kind.
    """

    def __init__(self, real: float | Sequence[float] = 0.9, fake: float | Sequence[float] = 0.0, flip: Fraction = 0.0) -> None:
        super().__init__()
        self.real, self.fake, self.flip = ends("real", real), ends("fake", fake), flip
        if not 0 <= flip <= 1:
            raise InputError(f"trick.soft_labels.flip={flip} is no chance: give a number from 0 to 1")

    def check(self, name: str, gan: "GANModule") -> None:
        """Refuse a D whose loss has no targets."""
        if not gan.takes_targets:
            raise InputError(
                f"trick={name} softens the targets of a cross-entropy, and D's loss in this model has none: use a model that "
                "has them, such as model=gan, dcgan, cgan or unrolled"
            )

    def targets(self, targets: Tensor, is_real: bool, rng: StepRNG) -> Tensor:
        """Return softened targets: a 1 becomes a target of reals, a 0 one of fakes, after some have been flipped."""
        place, chance = rng.uniform(len(targets), 2).to(targets).unbind(1)
        targets = torch.where(chance < self.flip, 1 - targets, targets)
        real, fake = (low + (high - low) * place for low, high in (self.real, self.fake))
        return torch.lerp(fake, real, targets)


def ends(option: str, given: float | Sequence[float]) -> tuple[float, float]:
    """Return the two ends of a range of targets, equal ones where one number is given."""
    low, high = given if isinstance(given, Sequence) else (given, given)
    if not (low <= high and 0 <= low + high <= 2):
        raise InputError(
            f"trick.soft_labels.{option}={given}: give a number from 0 to 1, or [LOW, HIGH] with a mean from 0 to 1 "
            "(beyond, D's loss would have no least value)"
        )
    return low, high
