"""Types, ranges, values and counts in plain words, as a sentence about a wrong option needs them."""

import math
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, is_typeddict

from annotated_types import DocInfo, Ge, Gt, Le, Len, Lt, MaxLen, MinLen

from gan_lab.cli.groups import TargetNode

UNIONS, LISTS, MAPPINGS = (Union, types.UnionType), (Sequence, Iterable, list), (Mapping, dict)
"""Origins of hints that mean the same to an option."""


def words(hint: Any) -> str:
    """Say in plain words what a type takes; null goes without saying beside others."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        said = [each.documentation for each in hint.__metadata__ if isinstance(each, DocInfo)]
        return said[0] if said else _bounded(words(inner[0]), hint.__metadata__)
    if origin in UNIONS:
        return " or ".join(dict.fromkeys(words(each) for each in inner if each is not type(None)))
    if origin is Literal:
        return "one of " + ", ".join(map(shown, inner)) if len(inner) > 1 else shown(inner[0])
    if origin in (*LISTS, tuple):
        return "a list" if Any in inner else f"a list, each {words(inner[0])}"
    if origin in MAPPINGS or is_typeddict(hint) or hint is dict:
        return "a mapping, as {NAME: VALUE}"
    known = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path", type(None): "null"}
    return known.get(hint, "an object, which a _target_ makes")


def _bounded(kind: str, metadata: Sequence[Any]) -> str:
    """Add the bounds of a number, or the length of a list, to the words of its kind."""
    parts = [part for each in metadata for part in (each if isinstance(each, Len) else [each])]
    bounds = {type(part): getattr(part, fields(part)[0].name) for part in parts if is_dataclass(part)}
    if MinLen in bounds:
        least, most = bounds[MinLen], bounds.get(MaxLen)
        length = f"of {least}" if least == most else f"of {least} or more" if kind.startswith("a list") else "that is not empty"
        return kind.replace("a list", f"a list {length}") if kind.startswith("a list") else f"{kind} {length}"
    low = f"from {bounds[Ge]}" if Ge in bounds else f"above {bounds[Gt]}" if Gt in bounds else ""
    high = f"below {bounds[Lt]}" if Lt in bounds else f"at most {bounds[Le]}" if bounds.get(Le, math.inf) < math.inf else ""
    if Ge in bounds and high and kind == "a number":
        return f"{kind} {low} to {high.removeprefix('at most ')}"
    return " ".join(filter(None, (kind, " and ".join(filter(None, (low.replace("from", "of at least"), high))))))


def count(n: int, noun: str) -> str:
    """Return a number with its noun, in the singular for one: ``1 broken image``, ``1,200 classes``."""
    plural = f"{noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"
    return f"{n:,} {noun if n == 1 else plural}"


def is_number(value: Any) -> bool:
    """Return whether a value is a number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """Return a value as one writes it on a command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"[{','.join(map(shown, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{shown(each)}" for name, each in value.items()) + "}"
    text = "{_target_:...}" if isinstance(value, TargetNode) else str(value) or "''"
    return text if len(text) <= 80 else f"{text[:77]}..."
