"""The base of the tricks: hooks that change targets, fakes, losses, batches or weights.

A trick overrides any of these hooks; a GAN calls all of its tricks in their order. State lies in buffers, so that it survives a
checkpoint. Random numbers come from the step's rng, so that two processes train as one.
"""

from collections.abc import Hashable
from typing import TYPE_CHECKING

from torch import Tensor, nn

from gan_lab.rng import StepRNG

if TYPE_CHECKING:
    from gan_lab.model.base import GANModule, Player
    from gan_lab.model.batch import Batch


class Trick(nn.Module):
    """A trick that changes nothing."""

    def check(self, name: str, gan: "GANModule") -> None:
        """Refuse a GAN with which the trick makes no sense."""

    def targets(self, targets: Tensor, is_real: bool, rng: StepRNG) -> Tensor:
        """Return the targets (N,) of D's loss, at first 1 for reals and 0 for fakes."""
        return targets

    def fakes(self, fake: Tensor, rng: StepRNG) -> Tensor:
        """Return the fakes (N, C, H, W) that D's step sees instead of those that G has just made."""
        return fake

    def generator_batch(self, batch: "Batch") -> "Batch":
        """Return the batch on which G's step descends, such as the fakes with the highest logits (top-k)."""
        return batch

    def term(self, player: "Player", network: nn.Module) -> Tensor | None:
        """Return a term to add to the loss of the player "g" or "d", whose network this is; None: nothing."""
        return None

    def substitute(self, player: "Player", network: nn.Module, gan: "GANModule") -> nn.Module:
        """Return the network to use for the player "g" or "d" while its adversary trains."""
        return network

    def kind(self, gan: "GANModule") -> Hashable:
        """Return what tells this step from others for the trick: equal values mean the same operations on the device."""
        return None

    def after_step(self, gan: "GANModule") -> None:
        """Update the trick's state after a step of D, and of G where it was due."""
