"""Errors that tell the user what is wrong and how to fix it, and checks that raise them."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

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
