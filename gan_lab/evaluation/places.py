"""The folder of a judgement: named after its preset and what the command changes of it, and never that of another."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gan_lab.evaluation import result
from gan_lab.evaluation.result import EvalResult
from gan_lab.evaluation.source import digest

NO_CHOICE = ("run", "eval", "batch_size", "device", "trust", "strict", "format", "overwrite", "out", "eval.save_images",
             "eval.save_statistics")  # fmt: skip
"""Keys that hardly move a value, or that the place of the folder says."""

MOST_LETTERS = 80
"""Of a name; a longer one gives way to a hash of its words."""


def name(preset: str, overrides: Iterable[str]) -> str:
    """Return the preset and the options that a command changes, in characters that need no quotes; of many, a hash.

    Args:
        preset: the option of ``eval=``.
        overrides: ``key=value``, as on the command line.
    """
    given = (override.lstrip("+~").partition("=") for override in overrides)
    words = [_word(key, value) for key, _, value in given if key not in NO_CHOICE and not key.startswith(("data", "hydra"))]
    told = "-".join([preset, *words])
    return told if len(told) <= MOST_LETTERS else f"{preset}-{digest({'words': words})[:8]}"


def _word(key: str, value: str) -> str:
    """Return the last part of a key and of a path: ``eval.num_fake=500`` gives ``num_fake_500``."""
    last = value.strip("'\"").rstrip("/").rpartition("/")[2]
    return f"{key.rpartition('.')[2]}_" + re.sub(r"[^\w.+]+", "_", last).strip("_")


def place(wanted: Path, protocol: Mapping[str, Any], others: Sequence[Path] = ()) -> tuple[Path, EvalResult | None]:
    """Return the folder with a result of this protocol and the result; else a free one: ``wanted``, or that with a hash.

    Args:
        wanted: the folder by its name.
        protocol: all that decides the values.
        others: further folders of results, as former versions named them.
    """
    asked = _identity(protocol)
    marked = wanted.with_name(f"{wanted.name}-{digest(asked)[:8]}")
    for folder in (wanted, marked, *others):
        if (former := result.read(folder)) and _identity(former.protocol) == asked:
            return folder, former
    return (marked if (wanted / result.FILE).exists() else wanted), None


def _identity(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides the values: of a run not its path, which has many spellings, but its checkpoint's hash."""
    return {key: value for key, value in protocol.items() if key not in ("run", "checkpoint")}
