"""Make the page: its tables, and the numbers that its script draws."""

import base64
import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from omegaconf import DictConfig
from rich.console import Console

from gan_lab import __version__, atomic
from gan_lab.logger.sections import section
from gan_lab.report import tables
from gan_lab.report.cells import is_number, short
from gan_lab.report.pictures import Picture
from gan_lab.report.runs import Run, collect
from gan_lab.run_folder import find

MOST_POINTS = 500
"""Of a curve that is no metric; metrics keep all their points, for times are read off them."""

NO_RUN = "{} is no run and holds none: there is no metrics.csv and no summary.json in it."


def report(cfg: DictConfig) -> None:
    """Write a single HTML file that shows and compares the runs, from nothing but the files in their folders."""
    folders, others = find(cfg.runs)
    page = render(collect(folders, cfg.max_grids), others)
    path, console = Path(cfg.out), Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, page)
    for folder in others:
        console.print(NO_RUN.format(folder))
    count = "1 run" if len(folders) == 1 else f"{len(folders)} runs"
    console.print(f"{count} -> {path} ({len(page) / 2**20:.1f} MiB)")


def render(runs: Sequence[Run], others: Sequence[Any] = ()) -> str:
    """Return the page as one text: with its style, its script, its numbers and its pictures.

    Args:
        runs: to show, in this order.
        others: folders that were given and are no runs.
    """
    environment = Environment(
        loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    script, style = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("script.js", "style.css"))
    environment.filters |= {"pretty": partial(json.dumps, indent=2, ensure_ascii=False), "short": short, "remarks": remarks}
    return environment.get_template("page.html").render(
        title=_headline(runs),
        made=f"{datetime.now():%Y-%m-%d %H:%M}, gan_lab {__version__}",
        statuses=Counter(run.status for run in runs),
        best=tables.best(runs),
        runs=runs,
        notes=[NO_RUN.format(folder) for folder in others],
        overview=tables.overview(runs),
        curves=_sections(runs),
        evaluations=tables.evaluations(runs),
        is_evaluated=any(run.records or run.pictures for run in runs),
        differences=tables.compared(runs),
        data=numbers(runs),
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _headline(runs: Sequence[Run]) -> str:
    shared = [
        words.pop() for words in ({run.words["model"] for run in runs}, {run.words["data"] for run in runs}) if len(words) == 1
    ]
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return f"{count} of {' on '.join(shared)}" if all(shared) and len(shared) == 2 else count


def remarks(record: Mapping[str, Any]) -> list[str]:
    """Return the reasons why the values of a record compare with few others."""
    notes = record.get("notes")
    return [str(note) for note in notes] if isinstance(notes, list) else []


def _sections(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Return the columns of metrics.csv by the section in which they are drawn; metrics of G first."""
    names = list(dict.fromkeys(name for run in runs for row in run.rows for name in row))
    judged = [name for name in names if section(name).startswith("val/")]
    of_d = [name for name in judged if name.removeprefix("val/") in tables.DIAGNOSES]
    return {
        "Metrics": [name for name in judged if name not in of_d],
        "Losses": [name for name in names if section(name).startswith("loss/")],
        "What explains them": of_d + [name for name in names if section(name).startswith("watch/")],
    }


def numbers(runs: Sequence[Run]) -> dict[str, Any]:
    """Return the numbers that the script draws, as plain as JSON: none of them infinite."""
    sections = _sections(runs)
    names = [name for group in sections.values() for name in group]
    columns = {name: _of_column(runs, name) for name in names}
    return {"runs": [_of_run(run, names) for run in runs], "columns": columns, "metrics": sections["Metrics"]}


def _of_run(run: Run, names: Sequence[str]) -> dict[str, Any]:
    speed = run.summary.get("images_per_second")
    return {
        "title": run.title,
        "name": run.name,
        "primary": run.primary,
        "speed": speed if speed and is_number(speed) else None,
        "series": {name: _points(run.series(name), is_metric=name.startswith("val/")) for name in names if run.series(name)},
        "grids": [[images, *_content(samples)] for images, samples in run.grids.items()],
    }


def _content(samples: Picture | list[str]) -> list[Any]:
    """Return a picture with its size, or a text."""
    return ["\n".join(samples)] if isinstance(samples, list) else [samples.uri, samples.width, samples.height]


def _points(series: Sequence[tuple[float, float]], is_metric: bool) -> list[tuple[float, float | None]]:
    """Keep the points of a metric; thin other curves evenly, in six digits, and keep their last point."""
    step = 1 if is_metric else math.ceil(len(series) / MOST_POINTS)
    kept = [*series[:-1:step], *series[-1:]]
    return [(x, None if not math.isfinite(y) else y if is_metric else float(f"{y:.6g}")) for x, y in kept]


def _of_column(runs: Sequence[Run], name: str) -> dict[str, Any]:
    """Return the better direction, if one is known, and the real-data baselines, unless the runs have many different."""
    metric = name.removeprefix("val/") if name.startswith("val/") else None
    baselines = {value for run in runs if metric and is_number(value := run.baseline.get(metric))}
    modes = [mode for run in runs if metric and (mode := run.mode(metric))]
    return {"mode": modes[0] if modes else None, "baselines": sorted(baselines) if len(baselines) <= 3 else []}
