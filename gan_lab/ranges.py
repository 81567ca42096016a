"""Ranges of options, as a constructor states them: ``weight: NonNegative``. `gan_lab.cli.options` holds every command to them.

Numbers are finite, unless a range reaches to infinity (``Le(inf)``).
"""

import math
import re
from collections.abc import Sequence
from typing import Annotated

from annotated_types import DocInfo, Ge, Gt, Le, Len, Lt, MinLen, Predicate

Whole = Annotated[int, Ge(0)]
Count = Annotated[int, Ge(1)]
Size = Annotated[int, Ge(1), Le(65536)]
"""Of an image, a layer, a batch: what is larger fits into no memory."""
Sides = Size | Annotated[Sequence[Size], Len(2, 2)]
"""Height and width of an image, or one number for both."""
Rows = Annotated[int, Ge(1), Le(100_000_000)]
"""Of an array that is kept in memory."""
Depth = Annotated[int, Ge(1), Le(1000)]
AtLeastTwo = Annotated[int, Ge(2)]
Processes = Annotated[int, Ge(0), Le(1024)]

NonNegative = Annotated[float, Ge(0)]
Positive = Annotated[float, Gt(0)]
PositiveOrInfinite = Annotated[float, Gt(0), Le(math.inf)]
Fraction = Annotated[float, Ge(0), Le(1)]
OpenFraction = Annotated[float, Gt(0), Lt(1)]
BelowOne = Annotated[float, Ge(0), Lt(1)]
Correlation = Annotated[float, Ge(-1), Le(1)]

Text = Annotated[str, MinLen(1)]


def is_device(name: str) -> bool:
    """Return whether torch knows a device of this name, and this machine has it."""
    if name == "cpu":
        return True
    import torch

    kind, _, index = name.partition(":")
    if kind == "mps":
        return torch.backends.mps.is_available()
    return bool(re.fullmatch(r"cuda(:\d+)?", name)) and int(index or 0) < torch.cuda.device_count()


Device = Annotated[
    str, Predicate(is_device), DocInfo("cpu, or cuda where there is a GPU that torch can use (cuda:1: the second)")
]
