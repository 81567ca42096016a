"""What a sweep came to: its jobs in one ranked table, ``sweep.csv`` and ``heat_map.png``.

Jobs may have run in other processes and on other machines: the files in their folders are all that is known of them.
"""

import csv
import json
import math
import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SEED = "seed"
"""Jobs that differ in nothing else are one row."""


@dataclass
class Job:
    """One job of a sweep.

    Attributes:
        folder: its run folder.
        overrides: its options as given on the command line, without quotes.
        status: ``finished``, ``stopped`` or ``failed``.
        primary: the score that chooses its checkpoint; None without a metric.
        mode: ``min`` or ``max``, for it.
        best: the best validation score.
        chosen: the score of the chosen checkpoint on latents that chose nothing.
        others: its other scores, of those that can be better or worse.
        images_seen: real images that D has seen.
        seconds: of training and judging.
        error: why it failed.
    """

    folder: Path
    overrides: dict[str, str]
    status: str
    primary: str | None
    mode: str | None
    best: float | None
    chosen: float | None
    others: dict[str, float]
    images_seen: int | None
    seconds: float | None
    error: str | None

    @property
    def value(self) -> float | None:
        """What it is ranked by; a failed job has none."""
        return None if self.status == "failed" else self.chosen

    @property
    def objective(self) -> float | None:
        """What a search minimises: the best validation score, negative where higher is better; None without a metric."""
        if self.status == "failed" or (self.primary and self.best is None):
            return math.inf
        return None if self.best is None else _badness(self, self.best)


def read(folder: Path) -> Job:
    """The job of this folder; one that left no ``summary.json`` failed."""
    hydra = folder / ".hydra"
    lines = [str(line).partition("=") for line in OmegaConf.load(hydra / "overrides.yaml")]
    content = summary(folder) or {
        "status": "failed",
        "error": "no summary.json",
        **metric(OmegaConf.load(hydra / "config.yaml")),
    }
    primary, course = content.get("primary"), content.get("scores", {})
    final = content.get("final_judgement", {"scores": {}})["scores"]
    return Job(
        folder=folder,
        overrides={key.lstrip("+"): value.strip("'\"") for key, _, value in lines},
        status=content["status"],
        primary=primary,
        mode=content.get("mode"),
        best=_finite(course.get(f"val/{primary}", {}).get("best")),
        chosen=_finite(final.get(primary)),
        others={name: final[name] for name in final if name != primary and "best" in course.get(f"val/{name}", {})},
        images_seen=content.get("images_seen"),
        seconds=content.get("seconds"),
        error=content.get("error"),
    )


def summary(folder: Path) -> dict[str, Any]:
    """The ``summary.json`` of a run folder; empty where there is none."""
    path = folder / "summary.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def metric(cfg: Any) -> dict[str, str | None]:
    """By which score, and whether by its ``min`` or ``max``, a configuration chooses its checkpoint; as far as it says so."""
    return {"primary": cfg.get("primary"), "mode": cfg.get("primary_mode")}


def collect(sweep: Path) -> list[Job]:
    """The jobs of a sweep that have begun, in their order; one that failed before it knew its score has that of another."""
    folders = {path.parent.parent for path in sweep.rglob(".hydra/overrides.yaml")}
    jobs = [read(folder) for folder in sorted(folders, key=lambda folder: (len(str(folder)), str(folder)))]
    known = next((job for job in jobs if job.mode), None)
    for job in jobs:
        if known and job.status == "failed" and job.mode is None:
            job.primary, job.mode = known.primary, known.mode
    return jobs


def swept(jobs: list[Job]) -> list[str]:
    """The options in which the jobs differ, in the order of the command line."""
    keys = dict.fromkeys(key for job in jobs for key in job.overrides)
    return [key for key in keys if len({job.overrides.get(key) for job in jobs}) > 1]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


@dataclass
class Row:
    """The jobs that differ in nothing but their seed.

    Attributes:
        options: the swept options and their values.
        jobs: one per seed.
    """

    options: dict[str, str]
    jobs: list[Job]

    @property
    def values(self) -> list[float]:
        """Of the jobs that have one."""
        return [job.value for job in self.jobs if job.value is not None]

    @property
    def mean(self) -> float | None:
        """Of the values."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def sd(self) -> float | None:
        """Standard deviation between seeds (n - 1)."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def others(self) -> dict[str, str]:
        """Mean and deviation of each other score, of the jobs that have a value."""
        judged = [job.others for job in self.jobs if job.value is not None]
        return {name: spread([scores[name] for scores in judged if name in scores]) for name in (judged[0] if judged else ())}

    def count(self, status: str) -> int:
        """How many of its jobs ended so."""
        return sum(job.status == status for job in self.jobs)


def spread(values: list[float]) -> str:
    """Mean and, of several, standard deviation (n - 1)."""
    deviation = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.4g}{deviation}"


def group(jobs: list[Job]) -> list[Row]:
    """The rows of these jobs, in the order of the jobs."""
    keys = [key for key in swept(jobs) if key != SEED]
    rows: dict[tuple[str, ...], Row] = {}
    for job in jobs:
        options = {key: job.overrides.get(key, "") for key in keys}
        rows.setdefault(tuple(options.values()), Row(options, [])).jobs.append(job)
    return list(rows.values())


def rank(rows: list[Row]) -> list[Row]:
    """The rows of one metric, the best mean first; those without a value stand last."""
    return sorted(rows, key=lambda row: math.inf if row.mean is None else _badness(row.jobs[0], row.mean))


def _badness(job: Job, value: float) -> float:
    return -value if job.mode == "max" else value


def show(sweep: Path) -> bool:
    """Print the tables and write the files of a sweep; whether a job failed."""
    from rich.console import Console

    jobs, console = collect(sweep), Console(highlight=False, soft_wrap=True)
    metrics = dict.fromkeys(job.primary for job in jobs)
    for primary in metrics:
        rows = group([job for job in jobs if job.primary == primary])
        console.print(table(rank(rows)))
        _say(console, "best", _best(rows))
        name = "heat_map.png" if len(metrics) == 1 else f"heat_map_{primary}.png"
        _say(console, "heat map", _draw(rows, sweep / name))
    failed = [job for job in jobs if job.status == "failed"]
    for job in failed:
        _say(console, "failed", f"{job.folder}: {str(job.error).splitlines()[0]}")
    _say(console, "all jobs", write_csv(jobs, sweep / "sweep.csv") if jobs else None)
    return bool(failed)


def table(rows: list[Row]) -> "Table":
    """Rows of one metric, numbered as they come."""
    from rich.markup import escape
    from rich.table import Table

    job = rows[0].jobs[0]
    result = Table(title=f"{job.primary} ({job.mode}) of the chosen checkpoint, judged on fresh latents")
    for column in ("", *rows[0].options):
        result.add_column(escape(column), no_wrap=True)  # on a narrow screen the other scores give way first
    others = list(dict.fromkeys(name for row in rows for name in row.others))
    for column in ("mean", "sd", *others, "finished", "failed"):
        result.add_column(column, justify="right")
    for number, row in enumerate(rows, 1):
        numbers = ["" if value is None else f"{value:.4g}" for value in (row.mean, row.sd)]
        counts = [str(row.count(status)) for status in ("finished", "failed")]
        options = [escape(_short(text)) for text in row.options.values()]
        result.add_row(str(number), *options, *numbers, *(row.others.get(name, "") for name in others), *counts)
    return result


def _short(text: str) -> str:
    """A number that a search drew, in four digits."""
    return f"{float(text):.4g}" if re.fullmatch(r"\d+\.\d{5,}(e-?\d+)?", text) else text


def write_csv(jobs: list[Job], path: Path) -> Path:
    """A line per job, its swept options as columns."""
    options, partial = swept(jobs), path.with_suffix(".partial")
    others = list(dict.fromkeys(name for job in jobs for name in job.others))
    fields = ("status", "primary", "best", "chosen", "images_seen", "seconds", "error")
    with partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["job", "folder", *options, *fields, *others])
        for job in jobs:
            given = [job.overrides.get(key, "") for key in options]
            scores = [job.others.get(name, "") for name in others]
            writer.writerow([job.folder.name, job.folder, *given, *(getattr(job, field) for field in fields), *scores])
    return partial.replace(path)


def _best(rows: list[Row]) -> Path | None:
    """The best job of the best row."""
    jobs = [(_badness(job, job.value), job.folder) for job in rank(rows)[0].jobs if job.value is not None]
    return min(jobs)[1] if jobs else None


def _draw(rows: list[Row], path: Path) -> Path | None:
    from gan_lab.sweep import heat_map

    return heat_map.save(rows, path) if heat_map.is_grid(rows) else None


def _say(console: "Console", name: str, value: Any) -> None:
    if value is not None:
        console.print(f"{name:<11}{value}", markup=False)
