"""Displays: the ways in which a run shows its samples. The data choose one, as ``conf/display`` has them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from torch import Tensor

from gan_lab.plot.picture import NO_TARGET, Target, kind_of, save_picture

Clocks = dict[str, float]


class Display(Protocol):
    """One way to show samples, in training, in `gan_lab.sample` and in evaluation alike.

    Attributes:
        name: of all samples together, for files and dashboards.
        suffix: of its files, by which the console and the report know how to read them.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]

    def save(self, samples: Tensor, path: Path, columns: int | None = None, target: Target = NO_TARGET) -> None:
        """Write samples (N, ...) to a file of this suffix, in rows of ``columns``; None: as suits the display.

        ``target`` is drawn beside samples of a shape that the display `compares`.
        """

    def crowd(self, shape: Sequence[int]) -> int:
        """Return the samples for each one of a grid of images, where more of this shape are needed to say something."""
        ...

    def compares(self, shape: Sequence[int]) -> bool:
        """Return whether samples of this shape are shown beside reals."""
        ...

    def log(self, logger: Any, path: Path, clocks: Clocks) -> None:
        """Hand a file to a logger, if it takes files of this kind."""


class Pictures:
    """PNG files, as `gan_lab.plot.picture.kind_of` a sample's shape says."""

    name: ClassVar[str] = "grid"
    suffix: ClassVar[str] = ".png"

    def save(self, samples: Tensor, path: Path, columns: int | None = None, target: Target = NO_TARGET) -> None:
        """Draw samples."""
        save_picture(samples, path, columns, target)

    def crowd(self, shape: Sequence[int]) -> int:
        """Return that of the kind of picture."""
        return kind_of(shape).crowd

    def compares(self, shape: Sequence[int]) -> bool:
        """Return whether this kind of picture does."""
        return kind_of(shape).compares

    def log(self, logger: Any, path: Path, clocks: Clocks) -> None:
        """Log the picture."""
        if hasattr(logger, "log_picture"):
            logger.log_picture(f"samples/{self.name}", path, clocks)
