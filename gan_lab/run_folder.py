"""The folder of a run: its name, its files, how they are read and written, and how runs are found. No other module does it.

Nothing heavy is imported here: a report of a hundred runs needs no torch.
"""

import csv
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gan_lab import atomic
from gan_lab.errors import InputError, first_line

SIGNS = ("metrics.csv", "summary.json", ".hydra/overrides.yaml")
"""Any of these files makes a folder a run."""

SUMMARY: dict[Any, Any] = {
    **dict.fromkeys(("status", "error", "primary", "mode"), str),
    "images_seen": int,
    "parameters": {},
    "baseline": {},
    "scores": {...: {}},
    "final_judgement": {"scores": {}},
}
"""The kinds of what others read of a summary, each of which may be missing; ``...``: each name."""


def run_name() -> str:
    """Return the name of a new run folder: shared by the processes that torchrun or Slurm started together, else the time."""
    if name := os.environ.get("TORCHELASTIC_RUN_ID"):
        return f"torchrun_{name}"
    if int(os.environ.get("SLURM_NTASKS", "1")) > 1:
        return f"slurm_{os.environ['SLURM_JOB_ID']}.{os.environ.get('SLURM_STEP_ID', 0)}"
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"  # runs of a loop start in one second


class RunFolder:
    """The files of one run.

    Args:
        path: of the folder.

    Attributes:
        config: the resolved configuration, as YAML.
        metrics: the rows of losses and metrics over images seen, as CSV.
        resources: images per second and memory over images seen, as CSV.
        summary: the outcome, as JSON.
        curves: the picture of losses and metrics.
        samples: the folder of sample grids or texts, each named by its images seen.
        checkpoints: the folder of ``best.ckpt`` and ``last.ckpt``, and of older ones, each named by its images seen.
        evaluation: the folder of what `gan_lab.evaluate` wrote, a folder for each judgement.
        error: the traceback of a failed job of a sweep.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.metrics = self.path / "metrics.csv"
        self.resources = self.path / "resources.csv"
        self.summary = self.path / "summary.json"
        self.curves = self.path / "curves.png"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        self.evaluation = self.path / "evaluation"
        self.error = self.path / "error.txt"

    def discard_unstarted(self, place: Path) -> None:
        """Remove a folder that holds no file but Hydra's own and the lock, and the empty ones around it below ``place``."""
        files = [path for path in self.path.rglob("*") if not path.is_dir()]
        folder, is_new = self.path.absolute(), place in self.path.absolute().parents
        if not is_new or any(path.parent.name != ".hydra" and path.name != ".lock" for path in files):
            return
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # what is not empty is another run's
            for outer in takewhile(lambda outer: outer != place, folder.parents):
                outer.rmdir()

    def read_config(self) -> dict[str, Any]:
        """Return the configuration; of a job that failed before it wrote one, the composed one; else nothing."""
        for path in (self.config, self.path / ".hydra" / "config.yaml"):
            if path.is_file():
                try:
                    content = OmegaConf.to_container(OmegaConf.load(path))
                except Exception as error:  # any text may stand in the file
                    raise unreadable(path, error) from error
                return {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}
        return {}

    def read_overrides(self) -> dict[str, str]:
        """Return the options of the command line by their keys, without quotes."""
        path = self.path / ".hydra" / "overrides.yaml"
        try:
            lines = [str(line).partition("=") for line in OmegaConf.load(path)] if path.is_file() else []
        except Exception as error:  # any text may stand in the file
            raise unreadable(path, error) from error
        return {key.lstrip("+"): value.strip("'\"") for key, _, value in lines}

    def read_rows(self) -> list[dict[str, float]]:
        """Return the rows of metrics.csv."""
        return read_rows(self.metrics)

    def read_summary(self) -> dict[str, Any]:
        """Return the outcome, empty while there is none; version 0.1 called the real-data ``baseline`` its ``floor``."""
        content = {"baseline" if key == "floor" else key: value for key, value in read_json(self.summary).items()}
        _check_kinds(self.summary, content, SUMMARY)
        return content

    @property
    def is_complete(self) -> bool:
        """Whether the run has come to its end and has been judged: the summary is written last."""
        summary = self.read_summary()
        return summary.get("status") == "finished" and "final_judgement" in summary

    def write_summary(self, content: dict[str, Any]) -> None:
        """Write the outcome; what JSON does not know is written as its text."""
        atomic.write_text(self.summary, json.dumps(content, indent=2, default=str))

    def grids(self) -> dict[int, Path]:
        """Return the pictures or texts of samples by images seen, the first first."""
        found = (path for path in self.samples.glob("*") if path.suffix in (".png", ".txt") and path.stem.isdecimal())
        paths = sorted(found, key=lambda path: int(path.stem))
        return {int(path.stem): path for path in paths}

    def history(self) -> dict[int, Path]:
        """Return the older checkpoints that were kept by images seen, the first first."""
        return {int(path.stem): path for path in sorted(self.checkpoints.glob("*.ckpt")) if path.stem.isdigit()}

    def evaluations(self, suffix: str) -> dict[str, Path]:
        """Return the files with this suffix that evaluations wrote, by their path in the evaluation folder."""
        paths = [path for pattern in (f"*.{suffix}", f"*/*.{suffix}") for path in self.evaluation.glob(pattern)]
        return {path.relative_to(self.evaluation).as_posix(): path for path in sorted(paths, key=in_order)}


def read_rows(path: Path) -> list[dict[str, float]]:
    """Return the rows of a metrics.csv, each with the columns that it has a number for."""
    rows = [{name: _number(text) for name, text in row.items()} for row in whole_rows(path)[0]]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def whole_rows(path: Path) -> tuple[list[dict[str, str]], int]:
    """Return the rows of a metrics.csv as they are written, and the number of torn lines, as a killed process leaves them."""
    if not path.is_file():
        return [], 0
    header, *lines = path.read_bytes().decode(errors="replace").split("\n")
    columns, rows, last = _fields(header), [], lines.pop() if lines else ""
    for line in lines:
        if len(fields := _fields(line)) == len(columns):
            rows.append({name: text for name, text in zip(columns, fields, strict=True) if text})
    return rows, len(lines) - len(rows) + bool(last)


def _fields(line: str) -> list[str]:
    """Return the fields of a line; none of one with NUL bytes, as a crash leaves them, or with a field beyond any sense."""
    try:
        return next(csv.reader([line]), []) if "\0" not in line else []
    except csv.Error:
        return []


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def read_lines(path: Path, n: int) -> list[str]:
    """Return the first ``n`` lines of a text of samples, with symbols for what a terminal would act on."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise unreadable(path, error) from error
    return [
        "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line) for line in lines[: min(n, len(lines) - 1)]
    ]


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file, empty where there is none; what is no object stands under ``values``."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError, RecursionError) as error:
        raise unreadable(path, error) from error
    return content if isinstance(content, dict) else {"values": content}


def _check_kinds(path: Path, node: Any, kind: Any, key: str = "it") -> None:
    """Refuse a file whose content is of another kind than those who read it ask for."""
    if node is None:
        return
    if not isinstance(node, dict if isinstance(kind, dict) else kind):
        raise unreadable(path, TypeError(f"{key} is {type(node).__name__}"))
    for name, inner in kind.items() if isinstance(kind, dict) else ():
        for each in node if name is ... else [name]:
            _check_kinds(path, node.get(each), inner, each)


def unreadable(path: Path, error: Exception) -> InputError:
    """Return the sentence for a file that is damaged or not whole yet."""
    reason = first_line(error)
    return InputError(f"{path.parent.name}/{path.name} cannot be read: {reason}")


def find_checkpoint(run: str | Path, name: str = "best") -> Path:
    """Return the checkpoint of a run: ``<name>.ckpt`` of its folder, else ``last.ckpt``; a file stands for itself.

    Raises:
        InputError: there is no such folder or file, or no checkpoint in it.
    """
    path = Path(run)
    if path.is_file():
        return path
    if not path.is_dir():
        raise InputError(f"there is no run folder or checkpoint '{run}' (runs lie in outputs/MODEL-DATA/DATE_TIME)")
    for candidate in (RunFolder(path).checkpoints / f"{name}.ckpt", RunFolder(path).checkpoints / "last.ckpt"):
        if candidate.is_file():
            return candidate
    runs = [found.parents[1] for depth in ("*", "*/*") for found in path.glob(f"{depth}/checkpoints/last.ckpt")]
    remedy = f"give one of the runs in it, as {min(runs)}" if runs else "checkpoints/best.ckpt or checkpoints/last.ckpt"
    raise InputError(f"the run folder '{run}' holds no checkpoint ({remedy})")


def find(given: Any) -> tuple[list[Path], list[Path]]:
    """Return the run folders, and the folders that hold no run.

    Args:
        given: a folder, a pattern, or a list of these; a folder that is no run stands for all runs in it.

    Raises:
        InputError: a pattern matches nothing, or no folder holds a run.
    """
    if not given:
        raise InputError("which runs? Give runs=outputs/*, a list of run folders, or the folder of a sweep")
    patterns = [given] if isinstance(given, str) else list(given)
    runs: dict[Path, None] = {}
    others: list[Path] = []
    for folder in (path for pattern in patterns for path in _matches(Path(str(pattern)).expanduser()) if path.is_dir()):
        found = inside(folder)
        runs |= dict.fromkeys(found)
        others += [] if found else [folder]
    if not runs:
        raise InputError(f"there is no run in {', '.join(map(str, patterns))}: a run folder holds metrics.csv or summary.json")
    return list(runs), others


def _matches(pattern: Path) -> list[Path]:
    """Return the path itself where it exists, for it may look like a pattern; else what it matches."""
    start = Path(pattern.anchor)
    paths = [pattern] if pattern.exists() else sorted(start.glob(str(pattern.relative_to(start))), key=in_order)
    if not paths:
        raise InputError(f"there is no folder '{pattern}': give runs= run folders, as outputs/MODEL-DATA/DATE_TIME")
    return paths


def inside(folder: Path) -> list[Path]:
    """Return the folder, if it is a run, else the runs below it in natural order; a run is not searched for others."""
    if any((folder / sign).is_file() for sign in SIGNS):
        return [folder]
    if not folder.is_dir():
        return []
    children = sorted(folder.iterdir(), key=in_order)
    folders = [child for child in children if child.is_dir() and not child.is_symlink() and not child.name.startswith(".")]
    return [run for child in folders for run in inside(child)]


def in_order(path: Path | str) -> list[tuple[str, int]]:
    """Return a key that sorts job 10 behind job 9."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", str(path))]


def flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of a nested configuration with its full key: ``{"a": {"b": 1}}`` gives ``("a.b", 1)``."""
    if not isinstance(node, dict):
        yield prefix, node
        return
    for name, child in node.items():
        yield from flatten(child, f"{prefix}.{name}" if prefix else f"{name}")
