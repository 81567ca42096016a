"""Cells of tables: words and numbers with the keys that they are sorted by."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass
class Cell:
    """Text of a table's cell, and the key that it is sorted by; an empty key stands last."""

    text: str
    key: str | float = ""
    kind: str = ""


@dataclass
class Table:
    """Table that can be sorted by each of its headers."""

    headers: list[str]
    rows: list[list[Cell]]


def without_empty(table: Table) -> Table:
    """Leave out the columns in which all cells are empty."""
    kept = [index for index in range(len(table.headers)) if any(row[index].text for row in table.rows)]
    return Table([table.headers[index] for index in kept], [[row[index] for index in kept] for row in table.rows])


def is_number(node: Any) -> bool:
    """Return whether it is a finite number, and no truth value."""
    return isinstance(node, int | float) and not isinstance(node, bool) and abs(node) <= sys.float_info.max


def text(node: Any) -> Cell:
    """Make a cell of a word."""
    return Cell("" if node is None else str(node), "" if node is None else str(node))


def value(node: Any) -> Cell:
    """Make a cell of a configuration's value: a word or a number."""
    return Cell("", "") if node is None else Cell(str(node), node if is_number(node) else str(node), "code")


def number(node: Any, kind: str = "") -> Cell:
    """Make a cell of a number, to the right; empty without one."""
    return Cell(short(node), node, f"number {kind}".strip()) if is_number(node) else Cell("", "", "number")


def short(x: float) -> str:
    """Write four digits; a whole number keeps all of its digits."""
    return f"{int(x):,}" if float(x).is_integer() and abs(x) < 1e15 else f"{x:.4g}" if abs(x) < 1e4 else f"{x:,.0f}"


def duration(seconds: Any) -> Cell:
    """Make a cell of seconds in words, sorted as a number."""
    if not is_number(seconds):
        return Cell("", "", "number")
    minutes, hours = seconds / 60, seconds / 3600
    told = f"{seconds:.3g} s" if seconds < 100 else f"{minutes:.0f} min" if minutes < 100 else f"{hours:.1f} h"
    return Cell(told, seconds, "number")


def spread(value: Mapping[str, Any], kind: str = "") -> Cell:
    """Make a cell of mean and, where there is one, standard deviation over seeds; sorted by the mean."""
    cell = number(value.get("mean"), kind)
    sd = value.get("sd")
    return Cell(f"{cell.text} ± {sd:.2g}", cell.key, cell.kind) if cell.text and is_number(sd) else cell


def span(values: Sequence[float]) -> Cell:
    """Make a cell of one value, or of the least and the largest where they differ."""
    if not values or short(min(values)) == short(max(values)):
        return number(values[0] if values else None)
    return Cell(f"{short(min(values))} to {short(max(values))}", min(values), "number")
