"""The two contracts of a mode: to arrange samples, which any format writes, or to draw a figure of its own with its numbers."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

if TYPE_CHECKING:
    from gan_lab.sampling.request import SampleRequest


OPTIONS = ("classes", "truncation", "steps", "image", "path", "embedding")
"""Options of `gan_lab.sample` that some modes read and others do not: each mode names its own as ``reads``."""
USUAL = ("classes", "truncation")


@dataclass(frozen=True)
class Sheet:
    """Samples in rows.

    Attributes:
        samples: (N, ...), images in [-1, 1], on the CPU.
        columns: samples of a row; None: as suits the display. Where the mode moves, they are its steps.
        labels: those that G was asked for, (N,) or (N, K); None: none.
        facts: plain data that says what rows and columns are; written beside the samples.
    """

    samples: Tensor
    columns: int | None = None
    labels: Tensor | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class SheetMode(ABC):
    """Arranges samples.

    Attributes:
        moves: whether columns are steps along a path, so that an animation shows something.
        reads: see `OPTIONS`.
    """

    moves: ClassVar[bool] = False
    reads: ClassVar[Collection[str]] = USUAL

    def count(self, n: int, steps: int) -> int:
        """Return the number of samples to make, by which memory is judged."""
        return n * steps if self.moves else n

    @abstractmethod
    def __call__(self, request: "SampleRequest") -> Sheet:
        """Make the samples; `InputError` for a GAN that it cannot show."""


class FigureMode(ABC):
    """Draws a figure and writes its numbers.

    Attributes:
        reads: see `OPTIONS`.
    """

    reads: ClassVar[Collection[str]] = USUAL

    def count(self, n: int, steps: int) -> int:
        """Return the number of samples to make, by which memory is judged."""
        return n

    def check(self, request: "SampleRequest") -> None:  # noqa: B027  most have nothing to refuse
        """Refuse, before any long work, a GAN or an option that it cannot show."""

    @abstractmethod
    def __call__(self, request: "SampleRequest", folder: Path) -> Path:
        """Write both into a folder and return the path of the figure."""


def unread(mode: SheetMode | FigureMode, overrides: Sequence[str]) -> list[str]:
    """Return the `OPTIONS` on a command line that a mode does not read, and which would be ignored in silence."""
    given = {re.split(r"[=.]", override.lstrip("+~"))[0] for override in overrides}
    return [option for option in OPTIONS if option in given and option not in mode.reads]
