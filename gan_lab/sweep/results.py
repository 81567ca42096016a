"""Show what a sweep came to: a ranked table for each metric, ``sweep.csv`` and ``heat_map.png``."""

import csv
import re
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from gan_lab import atomic
from gan_lab.errors import first_line
from gan_lab.sweep import heat_map
from gan_lab.sweep.ranking import Job, Row, badness, by_what_differs, collect, group, rank, swept, tie

WIDE = Console(width=10_000, markup=False, emoji=False)
"""A screen on which no column gives way, to measure a table."""

HEADER = 14
"""Letters of a line of an option's header where space is short."""


def show(sweep: Path) -> bool:
    """Print the tables and write the files of a sweep; return whether a job failed."""
    jobs, console = collect(sweep), Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    metrics = dict.fromkeys(job.primary for job in jobs)
    for primary in metrics:
        of_metric = [job for job in jobs if job.primary == primary]
        rows = group(by_what_differs(of_metric))
        ranked = [job for row in rows for job in row.jobs]
        if (same := tie(of_metric)) is not None:
            then = f"the rows are ranked by {ranked[0].primary}" if tie(ranked) is None else "their order says nothing"
            console.print(f"{primary} is {same:.4g} in every job and tells none apart: {then}")
        console.print(table(rank(rows), console.width))
        _say(console, "best", _best(rows) if tie(ranked) is None else None)
        name = "heat_map.png" if len(metrics) == 1 else f"heat_map_{primary}.png"
        _say(console, "heat map", heat_map.save(rows, sweep / name) if heat_map.is_grid(rows) else None)
    failed = [job for job in jobs if job.status == "failed"]
    for job in failed:
        _say(console, "failed", f"{job.folder}: {first_line(job.error)}")
    _say(console, "all jobs", write_csv(jobs, sweep / "sweep.csv") if jobs else None)
    return bool(failed)


def table(rows: list[Row], width: int) -> Table:
    """Make a table of rows of one metric, numbered as they come.

    Metrics that this width has no room for are left out; if that is not enough, options fold into several lines.
    """
    others = list(dict.fromkeys(name for row in rows for name in row.others))
    while others and not _fits(_table(rows, others), width):
        others.pop()
    found = _table(rows, others)
    if not _fits(found, width):
        found = _table(rows, [], folds=True)
    if left_out := [name for row in rows for name in row.others if name not in others]:
        found.caption = f"also in sweep.csv: {', '.join(dict.fromkeys(left_out))}"
    return found


def _fits(found: Table, width: int) -> bool:
    return Measurement.get(WIDE, WIDE.options, found).maximum <= width


def _table(rows: list[Row], others: list[str], folds: bool = False) -> Table:
    job = rows[0].jobs[0]
    judged = f"{job.primary} ({job.mode}) of the chosen checkpoint, judged on fresh latents"
    title = judged if job.primary else "no metric chooses a checkpoint"
    result = Table(title=title, padding=0 if folds else (0, 1))
    result.add_column("", no_wrap=True)
    for key in rows[0].options:
        lines = [line.replace(" ", "") for line in wrap(key.replace(".", ". "), HEADER)] if folds else [key]
        result.add_column("\n".join(lines), no_wrap=not folds, overflow="fold", min_width=max(map(len, lines)))
    for column in ("mean", "sd", *others, "finished", "failed"):
        result.add_column(column, justify="right", no_wrap=True)
    for number, row in enumerate(rows, 1):
        numbers = ["" if value is None else f"{value:.4g}" for value in (row.mean, row.sd)]
        counts = [str(row.count(status)) for status in ("finished", "failed")]
        options = [_short(text) for text in row.options.values()]
        result.add_row(str(number), *options, *numbers, *(row.others.get(name, "") for name in others), *counts)
    return result


def _short(text: str) -> str:
    """Shorten a number that a search drew to four digits."""
    return f"{float(text):.4g}" if re.fullmatch(r"\d+\.\d{5,}(e-?\d+)?", text) else text


def write_csv(jobs: list[Job], path: Path) -> Path:
    """Write a line per job, its swept options as columns."""
    options = swept(jobs)
    others = list(dict.fromkeys(name for job in jobs for name in job.others))
    fields = ("status", "primary", "best", "chosen", "images_seen", "seconds", "error")
    with atomic.replacing(path) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["job", "folder", *options, *fields, *others])
        for job in jobs:
            given = [job.overrides.get(key, "") for key in options]
            values = [getattr(job, field) for field in fields] + [job.others.get(name, "") for name in others]
            writer.writerow([job.folder.name, job.folder, *given, *values])
    return path


def _best(rows: list[Row]) -> Path | None:
    """Return the folder of the best job of the best row."""
    jobs = [(badness(job.mode, job.value), job.folder) for job in rank(rows)[0].jobs if job.value is not None]
    return min(jobs)[1] if jobs else None


def _say(console: Console, name: str, value: Any) -> None:
    if value is not None:
        console.print(f"{name:<11}{value}")
