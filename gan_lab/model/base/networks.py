"""The list of networks that a GAN trains, and their optimizers."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from torch import nn
from torch.optim import Optimizer

from gan_lab.errors import InputError
from gan_lab.model.ema import Average

Player = Literal["g", "d"]
PARTS = ("penalties.", "regularizers.", "augments.", "tricks.")
"""Prefixes of what a resumed run may add or leave out."""


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

    @cached_property
    def weights(self) -> list[nn.Parameter]:
        """Its parameters, listed once."""
        return list(self.module.parameters())

    @cached_property
    def moving_average(self) -> Average | None:
        """Updates its average."""
        return None if self.average is None else Average(self.average, self.module)


def reconfigure(stored: dict[str, Any], optimizer: Optimizer) -> None:
    """Give a stored optimizer state the options of ``optimizer``, group by group.

    The memory of one of another class or another grouping of the parameters is dropped.
    """
    groups = optimizer.state_dict()["param_groups"]
    if [_layout(group) for group in groups] != [_layout(group) for group in stored["param_groups"]]:
        stored["state"] = {}
    stored["param_groups"] = groups


def with_own_parts(stored: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored state dict for a GAN whose own is ``own``: it may have other penalties, augmentations or tricks.

    The state of one that is new stays as it was made, and that of one that is left out is dropped.
    """
    kept = {key: value for key, value in stored.items() if key in own or not key.startswith(PARTS)}
    return kept | {key: value for key, value in own.items() if key.startswith(PARTS) and key not in stored}


def _layout(group: dict[str, Any]) -> tuple[frozenset[str], tuple[int, ...]]:
    """Return the options that a group has and its parameters' numbers: equal ones share a memory."""
    return frozenset(group.keys() - {"params", "initial_lr"}), tuple(group["params"])


def checked(parts: Mapping[str, Any] | None, base: type, group: str, arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Return the parts of a group.

    Args:
        parts: by name.
        base: the class of which each must be a subclass.
        group: the config group that they are chosen from.
        arguments: those that the ``forward`` of each must take; none: that of ``base`` takes them.

    Raises:
        InputError: a part is of another class, or takes other arguments.
    """
    for name, part in (parts or {}).items():
        if not isinstance(part, base):
            where = "torch.nn.Module" if base is nn.Module else f"{base.__module__}.{base.__name__}"
            raise InputError(f"{group}={name} is {type(part).__qualname__}, no {base.__name__}: derive it from {where}")
        if arguments:
            _check_call(f"{group}={name}", part, arguments)
    return dict(parts or {})


def _check_call(choice: str, part: Any, arguments: Sequence[str]) -> None:
    """Refuse a module whose ``forward`` cannot be called with these arguments."""
    signature = inspect.signature(part.forward)
    try:
        signature.bind(*arguments)
    except TypeError as error:
        takes = ", ".join(map(str, signature.parameters.values()))
        raise InputError(
            f"{choice} is called with ({', '.join(arguments)}), and {type(part).__qualname__}.forward takes ({takes}): "
            "give it these arguments, also where it needs fewer"
        ) from error
