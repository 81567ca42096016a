"""The contract of a format: to write the samples of a mode."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gan_lab.data.pixels import is_image_shape
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
        needs_images: whether it shows nothing else, such as points, signals, tables or text.
        needs_steps: whether it shows the columns of a mode one after the other.
    """

    name: ClassVar[str]
    is_picture: ClassVar[bool] = False
    many_files: ClassVar[bool] = False
    needs_images: ClassVar[bool] = False
    needs_steps: ClassVar[bool] = False

    def check(self, mode: SheetMode | FigureMode, name: str) -> None:
        """Refuse a mode that has no such format, and a missing package; ``name``: of the mode."""
        if isinstance(mode, FigureMode) and not self.is_picture:
            raise InputError(f"mode={name} draws a figure and writes its numbers beside it: leave out format={self.name}")
        if self.needs_steps and not getattr(mode, "moves", False):
            raise InputError(
                f"format={self.name} shows steps along a path, and mode={name} has none: use mode=walk or mode=interpolate"
            )

    def check_samples(self, shape: Sequence[int]) -> None:
        """Refuse, before any is made, samples of a shape that it does not show."""
        if self.needs_images and not is_image_shape(shape):
            made = "x".join(map(str, shape))
            raise InputError(
                f"format={self.name} needs images, and this GAN makes samples of {made}: use format=grid, npz or npy"
            )

    def check_folder(self, folder: Path) -> None:  # noqa: B027  a single file replaces its namesake alone
        """Refuse, before any sample is made, a folder whose files of somebody else it would replace."""

    @abstractmethod
    def __call__(self, sheet: "Sheet", request: "SampleRequest", folder: Path) -> Path:
        """Write samples into a folder; return the file, or of many files their folder."""
