"""Historical averaging (Salimans 2016, https://arxiv.org/abs/1606.03498, section 3.3)."""

from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from gan_lab.ranges import NonNegative
from gan_lab.trick import Trick

if TYPE_CHECKING:
    from gan_lab.model.base import GANModule, Player


class HistoricalAveraging(Trick):
    """Each player's loss has the term ``weight`` |theta - mean of all theta so far|^2, which holds back those that circle.

    The mean is over the weights after each of the player's own steps and those that training began with.

    Differs from the paper: nothing known. It names no weight; the bare formula's 1 holds back learning too (DCGAN on the digits
    is at fd_digits8 15 after 40,000 images, and at 5 with 0.01 as without the term).

    Args:
        weight: of the term in both losses.
    """

    def __init__(self, weight: NonNegative = 0.01) -> None:
        super().__init__()
        self.weight = weight

    def check(self, name: str, gan: "GANModule") -> None:
        """Start the means at the first weights."""
        players = {"g": gan.generator, "d": gan.discriminator}
        self.means = nn.ModuleDict({name: deepcopy(player) for name, player in players.items()}).requires_grad_(False)

    def term(self, player: "Player", network: nn.Module) -> Tensor:
        """Return the weighted squared distance from the mean, summed over all weights."""
        pairs = zip(network.parameters(), self.means[player].parameters(), strict=True)
        return self.weight * torch.stack([(weight - mean).square().sum() for weight, mean in pairs]).sum()

    def after_step(self, gan: "GANModule") -> None:
        """Update the means with the new weights, which count 1 / (n + 1) in a mean of n + 1."""
        self._average("d", gan.discriminator, gan.d_steps_done)
        if gan.d_steps_since_g == 0:
            self._average("g", gan.generator, gan.g_steps_done)

    @torch.no_grad()
    def _average(self, player: "Player", network: nn.Module, steps: int) -> None:
        torch._foreach_lerp_(list(self.means[player].parameters()), list(network.parameters()), 1 / (steps + 1))
