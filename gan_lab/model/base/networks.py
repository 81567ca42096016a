"""The list of networks that a GAN trains, and their optimizers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn
from torch.optim import Optimizer

Player = Literal["g", "d"]


@dataclass(frozen=True)
class TrainedNetwork:
    """An entry of the list of networks that a GAN trains.

    Attributes:
        name: prefix of its records and key of its limits: "g", "d", "e", ...
        module: the network.
        optimizer: makes its optimizer from its parameters.
        player: the player in whose step it moves.
        average: its moving average, updated after each of its steps; None: none is kept.
    """

    name: str
    module: nn.Module
    optimizer: Callable[..., Optimizer]
    player: Player
    average: nn.Module | None = None


def reconfigure(stored: dict[str, Any], optimizer: Optimizer) -> None:
    """Give a stored optimizer state the options of ``optimizer``, group by group.

    The memory of one of another class or another grouping of the parameters is dropped.
    """
    groups = optimizer.state_dict()["param_groups"]
    if [_layout(group) for group in groups] != [_layout(group) for group in stored["param_groups"]]:
        stored["state"] = {}
    stored["param_groups"] = groups


def _layout(group: dict[str, Any]) -> tuple[frozenset[str], tuple[int, ...]]:
    """Return the options that a group has and its parameters' numbers: equal ones share a memory."""
    return frozenset(group.keys() - {"params", "initial_lr"}), tuple(group["params"])
