"""Errors that tell the user what is wrong and how to fix it, and checks that raise them."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf

T = TypeVar("T")


class InputError(ValueError):
    """Bad input. The message says what is wrong and how to fix it; commands print it without a traceback."""


class Diverged(RuntimeError):
    """A loss is no longer finite. The message names the network, the step and the remedy."""


class NotCapturable(RuntimeError):
    """A step reads on the host what changes from step to step. The message says what; such a step runs eagerly."""


def first_line(error: object) -> str:
    """Return the first line of a message; of an empty one the name of the error."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the choice nearest to ``word``, or an empty string if none is near."""
    matches = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f"; did you mean '{matches[0]}'?" if matches else ""


def pick(table: Mapping[str, T], name: str, option: str) -> T:
    """Return ``table[name]``, or raise an `InputError` that lists the choices of ``option``."""
    if name not in table:
        raise InputError(f"{option}={name} does not exist (choices: {', '.join(table)}){nearest(name, table)}")
    return table[name]


def require(cfg: DictConfig, least: Mapping[str, float | None], kind: Any) -> None:
    """Refuse values of the wrong type or below their minimum; missing values and configured objects are skipped.

    Args:
        cfg: the configuration.
        least: key -> minimum, or None for no minimum.
        kind: the required type, or a tuple of types.
    """
    for key, minimum in least.items():
        value = OmegaConf.select(cfg, key)
        if value is None or isinstance(value, DictConfig):
            continue
        if not isinstance(value, kind) or isinstance(value, bool) or (minimum is not None and value < minimum):
            expected = "a whole number" if kind is int else "a number"
            bound = "" if minimum is None else f" of at least {minimum}"
            raise InputError(f"{key}={value} is invalid: give {expected}{bound}")
