"""The contract of a format: to write the samples of a mode."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gan_lab.errors import InputError
from gan_lab.sampling.mode import FigureMode, SheetMode

if TYPE_CHECKING:
    from gan_lab.sampling.mode import Sheet
    from gan_lab.sampling.request import SampleRequest


class Format(ABC):
    """Writes samples in an arrangement.

    Attributes:
        name: on the command line.
        is_picture: whether it is a picture, as a figure is.
        many_files: whether it writes a file for each sample, so that its folder may hold nothing else.
        needs_steps: whether it shows the columns of a mode one after the other.
    """

    name: ClassVar[str]
    is_picture: ClassVar[bool] = False
    many_files: ClassVar[bool] = False
    needs_steps: ClassVar[bool] = False

    def check(self, mode: SheetMode | FigureMode, name: str) -> None:
        """Refuse a mode that has no such format, and a missing package; ``name``: of the mode."""
        if isinstance(mode, FigureMode) and not self.is_picture:
            raise InputError(f"mode={name} draws a figure and writes its numbers beside it: leave out format={self.name}")
        if self.needs_steps and not getattr(mode, "moves", False):
            raise InputError(
                f"format={self.name} shows steps along a path, and mode={name} has none: use mode=walk or mode=interpolate"
            )

    @abstractmethod
    def __call__(self, sheet: "Sheet", request: "SampleRequest", folder: Path) -> Path:
        """Write samples into a folder; return the file, or of many files their folder."""
