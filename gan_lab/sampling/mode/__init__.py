"""The two contracts of a mode: to arrange samples, which any format writes, or to draw a figure of its own with its numbers."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

if TYPE_CHECKING:
    from gan_lab.sampling.request import SampleRequest


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
    """

    moves: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, request: "SampleRequest") -> Sheet:
        """Make the samples; `InputError` for a GAN that it cannot show."""


class FigureMode(ABC):
    """Draws a figure and writes its numbers."""

    def check(self, request: "SampleRequest") -> None:  # noqa: B027  most have nothing to refuse
        """Refuse, before any long work, a GAN or an option that it cannot show."""

    @abstractmethod
    def __call__(self, request: "SampleRequest", folder: Path) -> Path:
        """Write both into a folder and return the path of the figure."""
