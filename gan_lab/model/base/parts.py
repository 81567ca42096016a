"""Checks of the parts that a GAN is made of, so that a wrong one is refused when the GAN is built and not in its first step."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from gan_lab.errors import InputError


def checked(parts: Mapping[str, Any] | None, group: str, base: type, arguments: Sequence[str] = ()) -> dict[str, Any]:
    """Return the parts of a group.

    Args:
        parts: by name.
        group: the config group that they are chosen from.
        base: the class of which each must be a subclass.
        arguments: those that each part's ``forward`` must take; none: its base has it.

    Raises:
        InputError: a part is of another class, or takes other arguments.
    """
    for name, part in (parts or {}).items():
        if not isinstance(part, base):
            where = "torch.nn.Module" if base is nn.Module else f"{base.__module__}.{base.__name__}"
            raise InputError(
                f"{group}={name} is {type(part).__qualname__}, which is no {base.__name__}: derive it from {where}"
            )
        if arguments:
            _check_call(f"{group}={name}", part, arguments)
    return dict(parts or {})


def _check_call(choice: str, part: Any, arguments: Sequence[str]) -> None:
    signature = inspect.signature(part.forward)
    try:
        signature.bind(*arguments)
    except TypeError as error:
        takes = ", ".join(map(str, signature.parameters.values()))
        raise InputError(
            f"{choice} is called with ({', '.join(arguments)}), and {type(part).__qualname__}.forward takes ({takes}): "
            "give it these arguments, also where it needs fewer"
        ) from error
