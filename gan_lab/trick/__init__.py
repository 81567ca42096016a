"""What practice added to training. A trick overrides any of these hooks; the base calls all tricks in their order.

State lies in buffers, so that it survives a checkpoint. Random numbers come from the step's rng, so that two processes train
as one.
"""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from gan_lab.rng import StepRNG

if TYPE_CHECKING:
    from gan_lab.model.base import GANModule


class Trick(nn.Module):
    """One that does nothing."""

    def check(self, name: str, gan: "GANModule") -> None:
        """Refuse a GAN with which it makes no sense."""

    def targets(self, targets: Tensor, is_real: bool, rng: StepRNG) -> Tensor:
        """What D's loss compares the scores of reals (at first 1) or of fakes (at first 0) with, (N,)."""
        return targets

    def fakes(self, fake: Tensor, rng: StepRNG) -> Tensor:
        """The fakes (N, C, H, W) that D's step sees, in the place of those that G has made now."""
        return fake

    def term(self, name: str, network: nn.Module) -> Tensor | None:
        """What is added to the loss of ``network``, called "generator" or "discriminator"; None: nothing."""
        return None

    def opponent(self, name: str, network: nn.Module, gan: "GANModule") -> nn.Module:
        """What plays for ``network``, called "generator" or "discriminator", while the other one learns."""
        return network

    def after_step(self, gan: "GANModule") -> None:
        """After each step of D, and of G where it was due."""
