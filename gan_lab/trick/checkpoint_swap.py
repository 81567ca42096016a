"""Training against a past version of the adversary (ganhacks 8)."""

from copy import deepcopy
from typing import TYPE_CHECKING

from torch import nn

from gan_lab.errors import InputError
from gan_lab.ranges import Count
from gan_lab.trick import Trick

if TYPE_CHECKING:
    from gan_lab.model.base import GANModule, Player


class CheckpointSwap(Trick):
    """Now and then one player trains against a past version of the other.

    Both networks are copied at step 0 and after every ``interval`` steps of D. In the last ``steps`` steps of the first, third,
    ... interval D learns from the fakes of the copied G, in those of the second, fourth, ... G learns from the copied D. The
    copy plays in the place of the network and does not learn; the network itself goes on to learn from its own opponent,
    and its optimizer and average know nothing of the copy. In checkpoints the copies lie beside the networks.

    Differs from ganhacks, which name no numbers: the network whose copy plays is not put aside for that time.

    Args:
        interval: steps of D between two copies.
        steps: how many steps of D a copy plays; at least ``model.d_steps``, or G may not step in this time.
    """

    def __init__(self, interval: Count = 1000, steps: Count = 20) -> None:
        super().__init__()
        self.interval, self.steps = interval, steps
        if not 1 <= steps <= interval:
            raise InputError(f"trick.checkpoint_swap.steps={steps} is invalid: give a number from 1 to interval={interval}")

    def check(self, name: str, gan: "GANModule") -> None:
        """Copy both networks as they are at first."""
        players = {"g": gan.generator, "d": gan.discriminator}
        self.past = nn.ModuleDict({name: deepcopy(player) for name, player in players.items()}).requires_grad_(False)

    def substitute(self, player: "Player", network: nn.Module, gan: "GANModule") -> nn.Module:
        """Return the copy, in its time."""
        return self.past[player] if self.kind(gan) == player else network

    def kind(self, gan: "GANModule") -> str | None:
        """Return the player whose copy plays in this step."""
        turn, step = divmod(gan.d_steps_done, self.interval)
        return "gd"[turn % 2] if step >= self.interval - self.steps else None

    def after_step(self, gan: "GANModule") -> None:
        """Copy both networks at the end of an interval."""
        if gan.d_steps_done % self.interval == 0:
            self.past["g"].load_state_dict(gan.generator.state_dict())
            self.past["d"].load_state_dict(gan.discriminator.state_dict())
