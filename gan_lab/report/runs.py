"""Read what a report shows of a run: the files in its folder, and whether it ended, failed or goes on at this moment."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from gan_lab.errors import InputError
from gan_lab.report.cells import is_number
from gan_lab.report.pictures import Picture, embed, evenly
from gan_lab.report.titles import titles, words
from gan_lab.run_folder import RunFolder, flatten, read_json, read_lines, read_rows

MOST_LINES = 64
"""Lines of text that are shown of a file."""

K = TypeVar("K")
T = TypeVar("T")


@dataclass
class Run:
    """A run folder, read.

    Attributes:
        name: the folder, relative to the one that all runs share.
        config: each value of the configuration by its full key.
        words: the choice for each of `titles.WORDS`.
        overrides: options of the command line, by key.
        rows: of metrics.csv and resources.csv.
        summary: of summary.json; empty while the run has not ended.
        grids: samples of the same latents over time, by images seen: pictures, or lines of text.
        pictures: drawings of evaluations, by file name.
        records: results of evaluations, by file name.
        problems: a sentence for each file that cannot be read.
        title: the words that tell it from the other runs.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    overrides: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, float]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    grids: dict[int, Picture | list[str]] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    title: str = ""

    @property
    def images_seen(self) -> int:
        """Real images that D has seen."""
        return int(max([row.get("images_seen", 0) for row in self.rows] + [self.summary.get("images_seen") or 0]))

    @property
    def status(self) -> str:
        """``finished``, ``stopped`` or ``failed``; ``unfinished`` while it runs or when it was killed."""
        is_old = self.summary.get("status") == "stopped" and self.images_seen > (self.summary.get("images_seen") or 0)
        return "unfinished" if is_old else str(self.summary.get("status", "unfinished"))

    @property
    def error(self) -> str | None:
        """The reason why it failed."""
        return self.summary.get("error")

    @property
    def primary(self) -> str | None:
        """The metric that chooses its checkpoint."""
        return self.summary.get("primary") or self.config.get("metric.primary") or self.config.get("primary")

    @property
    def chosen(self) -> dict[str, float]:
        """Metrics of the chosen checkpoint, on fresh latents."""
        return (self.summary.get("final_judgement") or {}).get("scores") or {}

    @property
    def value(self) -> float | None:
        """The primary metric of the chosen checkpoint; None of a failed run."""
        return None if self.status == "failed" else self.chosen.get(self.primary or "")

    @property
    def baseline(self) -> dict[str, float]:
        """Metrics of held-out real images in the place of samples."""
        found = self.summary.get("baseline") or {}
        return {name: value for name, value in found.items() if is_number(value)}

    def series(self, name: str) -> list[tuple[float, float]]:
        """Return images seen and value, where metrics.csv has this column."""
        return [(row["images_seen"], row[name]) for row in self.rows if name in row and "images_seen" in row]

    def best(self, name: str) -> float | None:
        """Return the best value of a metric in validation, if its better direction is known; from the rows on the way."""
        if (best := self._course(name).get("best")) is not None:
            return best
        values = [value for _, value in self.series(f"val/{name}") if math.isfinite(value)]
        mode = self.mode(name)
        return None if mode is None or not values else max(values) if mode == "max" else min(values)

    def mode(self, name: str) -> str | None:
        """Return the better direction of a metric, ``min`` or ``max``, as the run stated it; None where it did not."""
        if name == self.primary:
            return self.summary.get("mode") or self.config.get("metric.mode") or self.config.get("primary_mode")
        return self._course(name).get("better")

    def _course(self, name: str) -> dict[str, Any]:
        return (self.summary.get("scores") or {}).get(f"val/{name}") or {}


def collect(folders: Sequence[Path], max_grids: int) -> list[Run]:
    """Return the runs of these folders, each with a title that no other has."""
    root = Path(os.path.commonpath([folder.absolute().parent for folder in folders]))
    runs = [read(RunFolder(folder), str(folder.absolute().relative_to(root)), max_grids) for folder in folders]
    told = titles([run.words for run in runs], [run.config for run in runs])
    for run, title in zip(runs, told, strict=True):
        run.title = title if title and told.count(title) == 1 else ", ".join(filter(None, (title, run.name)))
    return runs


def read(folder: RunFolder, name: str, max_grids: int) -> Run:
    """Read everything that a report shows of a run; a file that cannot be read becomes a sentence."""
    run = Run(name)
    config = _readable(run, folder.read_config) or {}
    run.words, run.config = words(config), dict(flatten(config))
    run.overrides = _readable(run, folder.read_overrides) or {}
    rows = [*folder.read_rows(), *read_rows(folder.resources)]
    run.rows = [row for row in rows if math.isfinite(row.get("images_seen", 0))]
    run.summary = _readable(run, folder.read_summary) or {}
    run.grids = _each(run, shown, dict(evenly(list(folder.grids().items()), max_grids)))
    run.pictures = _each(run, embed, folder.evaluations("png"))
    run.records = _each(run, read_json, folder.evaluations("json"))
    return run


def shown(path: Path) -> Picture | list[str]:
    """Return the samples of a file as the page shows them."""
    return read_lines(path, MOST_LINES) if path.suffix == ".txt" else embed(path)


def _each(run: Run, read: Callable[[Path], T], paths: Mapping[K, Path]) -> dict[K, T]:
    """Read every file; leave out the empty and the unreadable."""
    found = {key: _readable(run, partial(read, path)) for key, path in paths.items()}
    return {key: content for key, content in found.items() if content}


def _readable(run: Run, read: Callable[[], T]) -> T | None:
    try:
        return read()
    except InputError as error:
        run.problems.append(f"{error}.")
        return None
