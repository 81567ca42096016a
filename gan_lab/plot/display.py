"""Displays: the ways in which a run shows its samples. The data choose one, as ``conf/display`` has them."""

from pathlib import Path
from typing import Any, ClassVar, Protocol

from torch import Tensor

from gan_lab.plot.picture import save_picture

Clocks = dict[str, float]


class Display(Protocol):
    """One way to show samples, in training, in `gan_lab.sample` and in evaluation alike.

    Attributes:
        name: of all samples together, for files and dashboards.
        suffix: of its files, by which the console and the report know how to read them.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]

    def save(self, samples: Tensor, path: Path, columns: int | None = None) -> None:
        """Write samples (N, ...) to a file of this suffix, in rows of ``columns``; None: as suits the display."""

    def log(self, logger: Any, path: Path, clocks: Clocks) -> None:
        """Hand a file to a logger, if it takes files of this kind."""


class Pictures:
    """PNG files: images as a grid, points as a scatter plot, signals as small line plots; see `save_picture`."""

    name: ClassVar[str] = "grid"
    suffix: ClassVar[str] = ".png"

    def save(self, samples: Tensor, path: Path, columns: int | None = None) -> None:
        """Draw samples."""
        save_picture(samples, path, columns)

    def log(self, logger: Any, path: Path, clocks: Clocks) -> None:
        """Log the picture."""
        if hasattr(logger, "log_picture"):
            logger.log_picture(f"samples/{self.name}", path, clocks)
