"""What a report knows of a run: what the files in its folder hold, whether it ended, failed or goes on at this moment."""

import csv
import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gan_lab.errors import InputError
from gan_lab.report.pictures import Picture, embed, evenly
from gan_lab.training.resume import leaves

SIGNS = ("metrics.csv", "summary.json", ".hydra/overrides.yaml")
"""Any of these makes a folder a run."""

NO_RUN = "{} is no run and holds none: there is no metrics.csv and no summary.json in it."

WORDS = ("model", "data", "network", "penalty", "regularizer", "augment", "trick")
"""The choices that tell runs apart at a glance, in this order."""

MOST_WORDS = 5
"""In a title; runs that it would take more to tell apart are told by their folders."""


@dataclass
class Run:
    """A run folder, read.

    Attributes:
        folder: where it lies.
        name: the folder, as seen from the folder that all runs share.
        config: each value of the configuration by its full key.
        words: the choice for each of `WORDS`.
        rows: of metrics.csv.
        summary: of summary.json; empty while the run has not ended.
        grids: pictures of the same latents over time, by images seen.
        pictures: what an evaluation drew.
        records: what evaluations wrote, by file name.
        problems: a sentence for each file that cannot be read.
        title: what tells it from the other runs.
    """

    folder: Path
    name: str
    config: dict[str, Any] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, float]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    grids: dict[int, Picture] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    title: str = ""

    @property
    def images_seen(self) -> int:
        """How far it is."""
        return int(max([row.get("images_seen", 0) for row in self.rows] + [self.summary.get("images_seen") or 0]))

    @property
    def status(self) -> str:
        """``finished``, ``stopped`` or ``failed``; ``unfinished`` while it runs or when it was killed."""
        is_old = self.summary.get("status") == "stopped" and self.images_seen > (self.summary.get("images_seen") or 0)
        return "unfinished" if is_old else str(self.summary.get("status", "unfinished"))

    @property
    def error(self) -> str | None:
        """Why it failed."""
        return self.summary.get("error")

    @property
    def primary(self) -> str | None:
        """The score that chooses its checkpoint."""
        return self.summary.get("primary") or self.config.get("primary")

    @property
    def chosen(self) -> dict[str, float]:
        """The scores of the chosen checkpoint, on latents that chose nothing."""
        return (self.summary.get("final_judgement") or {}).get("scores") or {}

    @property
    def value(self) -> float | None:
        """The primary score of the chosen checkpoint; a failed run has none."""
        return None if self.status == "failed" else self.chosen.get(self.primary or "")

    @property
    def floor(self) -> dict[str, float]:
        """What held-out reals get."""
        return self.summary.get("baseline") or {}

    def series(self, name: str) -> list[tuple[float, float]]:
        """Images seen and value, where metrics.csv has this column."""
        return [(row["images_seen"], row[name]) for row in self.rows if name in row and "images_seen" in row]

    def course(self, name: str) -> dict[str, float]:
        """First, final and, of a score that can be better or worse, best value; from the rows while the run goes on."""
        if found := (self.summary.get("scores") or {}).get(f"val/{name}"):
            return dict(found)
        values = [value for _, value in self.series(f"val/{name}") if math.isfinite(value)]
        mode = self.config.get("primary_mode") if name == self.primary else None
        if not values:
            return {}
        return {"first": values[0], "final": values[-1]} | ({"best": (max if mode == "max" else min)(values)} if mode else {})

    def mode(self, name: str) -> str | None:
        """``min`` or ``max`` of a score: as stated for the primary one, else as its best value tells; None: not known."""
        if name == self.primary:
            return self.summary.get("mode") or self.config.get("primary_mode")
        values = [value for _, value in self.series(f"val/{name}") if math.isfinite(value)]
        best = self.course(name).get("best")
        if best is None or not values or min(values) == max(values):
            return None
        return "max" if math.isclose(best, max(values)) else "min"


def find(given: Any) -> tuple[list[Path], list[Path]]:
    """The run folders, and the folders that are none.

    Args:
        given: a folder, a pattern, or a list of these; a folder that is no run stands for all runs in it.
    """
    if not given:
        raise InputError("which runs? Give runs=outputs/*, a list of run folders, or the folder of a sweep")
    patterns = [Path(str(text)).expanduser() for text in ([given] if isinstance(given, str) else given)]
    runs: dict[Path, None] = {}
    others: list[Path] = []
    for pattern in patterns:
        start = Path(pattern.anchor)
        paths = [pattern] if pattern.exists() else sorted(start.glob(str(pattern.relative_to(start))), key=in_order)
        if not paths:
            raise InputError(f"there is no folder '{pattern}': give runs= run folders, as outputs/MODEL-DATA/DATE_TIME")
        for folder in filter(Path.is_dir, paths):
            inside = list(_inside(folder))
            runs |= dict.fromkeys(inside)
            others += [] if inside else [folder]
    if not runs:
        raise InputError(f"there is no run in {', '.join(map(str, patterns))}: a run folder holds metrics.csv or summary.json")
    return list(runs), others


def _inside(folder: Path) -> Iterator[Path]:
    """The folder, if it is a run, else the runs below it; what lies in a run is not looked at."""
    if any((folder / sign).is_file() for sign in SIGNS):
        yield folder
        return
    for child in sorted(folder.iterdir(), key=in_order):
        if child.is_dir() and not child.is_symlink() and not child.name.startswith("."):
            yield from _inside(child)


def in_order(path: Path) -> list[tuple[int, str]]:
    """Sorts job 10 behind job 9."""
    return [(int(digits or 0), text) for text, digits in re.findall(r"(\D*)(\d*)", str(path))]


def collect(folders: Sequence[Path], max_grids: int) -> list[Run]:
    """The runs of these folders, each with a title that no other has."""
    parents = [folder.absolute().parent for folder in folders]
    root = Path(os.path.commonpath(parents))
    runs = [read(folder, str(folder.absolute().relative_to(root)), max_grids) for folder in folders]
    told = titles(runs)
    for run, title in zip(runs, told, strict=True):
        run.title = title if title and told.count(title) == 1 else ", ".join(filter(None, (title, run.name)))
    return runs


def read(folder: Path, name: str, max_grids: int) -> Run:
    """Everything that a report shows of this run; a file that cannot be read becomes a sentence."""
    run = Run(folder, name)
    config = _config(run)
    run.words, run.config = words(config), leaves(config) if config else {}
    run.rows = rows(folder / "metrics.csv")
    run.summary = _json(run, folder / "summary.json")
    drawn = sorted((path for path in folder.glob("samples/*.png") if path.stem.isdigit()), key=lambda path: int(path.stem))
    for path in evenly(drawn, max_grids):
        _add(run, run.grids, int(path.stem), path)
    for path in _evaluated(folder, "png"):
        _add(run, run.pictures, _within_evaluation(path, folder), path)
    found = {_within_evaluation(path, folder): _json(run, path) for path in _evaluated(folder, "json")}
    run.records = {name: record for name, record in found.items() if record}
    return run


def _evaluated(folder: Path, suffix: str) -> list[Path]:
    """What evaluations wrote: each has a folder of its own."""
    return sorted([*folder.glob(f"evaluation/*.{suffix}"), *folder.glob(f"evaluation/*/*.{suffix}")], key=in_order)


def _within_evaluation(path: Path, folder: Path) -> str:
    return path.relative_to(folder / "evaluation").as_posix()


def rows(path: Path) -> list[dict[str, float]]:
    """The rows of a metrics.csv, each with the columns that it has a number for, though its last row be half written."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return [
            {name: value for name, text in row.items() if (value := _number(text)) is not None} for row in csv.DictReader(file)
        ]


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _config(run: Run) -> dict[str, Any]:
    """config.yaml; a job that failed before it was written has what Hydra composed."""
    for path in (run.folder / "config.yaml", run.folder / ".hydra" / "config.yaml"):
        try:
            content = OmegaConf.to_container(OmegaConf.load(path))
        except FileNotFoundError:
            continue
        except Exception as error:  # any text may stand in the file
            run.problems.append(_unreadable(path, error))
            continue
        return {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}
    return {}


def _json(run: Run, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        run.problems.append(_unreadable(path, error))
        return {}
    return content if isinstance(content, dict) else {"values": content}


def _add(run: Run, pictures: dict[Any, Picture], key: int | str, path: Path) -> None:
    try:
        pictures[key] = embed(path)
    except OSError as error:
        run.problems.append(_unreadable(path, error))


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path.parent.name}/{path.name} cannot be read: {(str(error).strip() or type(error).__name__).splitlines()[0]}."


def words(config: dict[str, Any]) -> dict[str, str]:
    """The choice for each of `WORDS`, by the names of what the configuration builds."""

    def parts(*keys: str) -> list[str]:
        node: Any = config
        for key in keys:
            node = node.get(key) if isinstance(node, dict) else None
        target = node.get("_target_") if isinstance(node, dict) else None
        return str(target).split(".") if target else []

    of_data = (parts("data", "layout"), parts("data", "dataset"), parts("data", "train"), parts("data"))
    found = {
        "model": "".join(parts("model")[-2:-1]),
        "data": next((target[-1].lower() for target in of_data if target), ""),
        "network": "".join(parts("network", "generator")[-2:-1]),
    }
    lists = {word: "+".join(map(str, node)) for word, node in config.items() if word in WORDS and isinstance(node, dict)}
    return {word: found[word] if word in found else lists.get(word) or "none" for word in WORDS}


def differences(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """The keys in which the runs differ with each run's value; a key that repeats the values of another is left out.

    Where a run writes is no difference. None stands for a key that a run does not have.
    """
    known = [run for run in runs if run.config]
    found: dict[str, list[Any]] = {}
    seen: set[tuple[str, ...]] = set()
    for key in dict.fromkeys(key for run in known for key in run.config):
        name = key.rsplit(".", 1)[-1]
        column = tuple(str(run.config.get(key)) for run in known)
        if name == "folder" or len(set(column)) == 1 or (name, *column) in seen:
            continue
        seen.add((name, *column))
        found[key] = [run.config.get(key) for run in runs]
    return found


def titles(runs: Sequence[Run]) -> list[str]:
    """The fewest words, then values, that tell the runs apart; words alone where it would take many values."""
    columns = [[run.words[word] for run in runs] for word in WORDS]
    values = [
        ["" if value is None else f"{'.'.join(key.split('.')[-2:])}={value}" for value in column]
        for key, column in differences(runs).items()
        if not key.startswith("callback.")
    ]
    told = _told_apart([*columns, *values])
    return [", ".join(filter(None, title)) for title in (told if len(told[0]) <= MOST_WORDS else _told_apart(columns))]


def _told_apart(columns: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The rows of those columns that tell rows apart which the columns before do not."""
    result: list[tuple[str, ...]] = [() for _ in columns[0]]
    for column in columns:
        longer = [(*title, text) for title, text in zip(result, column, strict=True)]
        if len(set(longer)) > len(set(result)):
            result = longer
    return result
