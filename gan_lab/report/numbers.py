"""The numbers that the page's script draws, as plain as JSON: curves, options, costs, samples."""

import math
from collections.abc import Sequence
from typing import Any

from gan_lab.logger.run import NO_CHOICE_OF_METHOD
from gan_lab.logger.sections import RESOURCES, section
from gan_lab.report import tables
from gan_lab.report.cells import is_number
from gan_lab.report.pictures import Picture
from gan_lab.report.runs import Run
from gan_lab.report.titles import WORDS, is_seed, repetitions, titles

MOST_POINTS = 500
"""Of a curve that is no metric; metrics keep all their points, for times are read off them."""

SINGLE = "Single values"

COSTS = {"images/s": "images_per_second", "peak memory, MiB": "peak_memory_mib", "seconds": "seconds"}
"""What a run took: names on the page, and keys of summary.json."""


def sections(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Return the columns of metrics.csv by the section in which they are drawn; metrics of G first, single values last."""
    names = list(dict.fromkeys(name for run in runs for row in run.rows for name in row))
    judged = [name for name in names if section(name).startswith("val/")]
    of_d = [name for name in judged if name.removeprefix("val/") in tables.DIAGNOSES]
    found = {
        "Metrics": [name for name in judged if name not in of_d],
        "Losses": [name for name in names if section(name).startswith("train/")],
        "Diagnostics": of_d + [name for name in names if section(name).startswith("watch/") and name not in RESOURCES],
    }
    single = [name for group in found.values() for name in group if all(len(run.series(name)) < 2 for run in runs)]
    curves = {heading: [name for name in group if name not in single] for heading, group in found.items()}
    return curves | {SINGLE: single}


def resources(runs: Sequence[Run]) -> list[str]:
    """Return the columns of resources.csv that any run has."""
    return [name for name in RESOURCES if any(run.series(name) for run in runs)]


def numbers(runs: Sequence[Run]) -> dict[str, Any]:
    """Return all that the script reads: none of the numbers infinite."""
    names = [name for group in sections(runs).values() for name in group] + resources(runs)
    chosen = dict.fromkeys(name for run in runs for name in run.chosen if name not in tables.DIAGNOSES)
    return {
        "runs": [_of_run(run, names) for run in runs],
        "groups": groups(runs),
        "columns": {name: _of_column(runs, name) for name in names},
        "metrics": [name for name in names if name.startswith("val/") and name.removeprefix("val/") not in tables.DIAGNOSES],
        "chosen": list(chosen),
        "options": options(runs),
        "costs": [name for name, key in COSTS.items() if any(is_number(run.summary.get(key)) for run in runs)],
    }


def groups(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return runs that differ in nothing but their seed together, with a title."""
    found = repetitions([run.config for run in runs])
    first = [runs[members[0]] for members in found]
    told = titles([run.words for run in first], [{k: v for k, v in run.config.items() if not is_seed(k)} for run in first])
    if len(found) == 1 and len(runs) > 1:
        told = [" on ".join(filter(None, (first[0].words["model"], first[0].words["data"])))]
    return [
        {"title": title if title and told.count(title) == 1 else run.title, "runs": members}
        for title, run, members in zip(told, first, found, strict=True)
    ]


def options(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Return the options of the command line in which runs differ, but their seeds, with the value of each run."""
    given = dict.fromkeys(key for run in runs for key in run.overrides) or WORDS  # version 0.1 kept no overrides
    keys = [key for key in given if not is_seed(key) and key not in ("resume", *NO_CHOICE_OF_METHOD) and "hydra" not in key]
    columns = {key: [_option(run, key) for run in runs] for key in keys}
    return {key: column for key, column in columns.items() if len({str(value) for value in column if value is not None}) > 1}


def _option(run: Run, key: str) -> str | float | None:
    value = run.overrides.get(key, run.words.get(key, run.config.get(key)))
    try:
        number = float(value)  # type: ignore[arg-type]  # refused like any other
        return number if math.isfinite(number) else str(value)
    except (TypeError, ValueError):
        return None if value is None else str(value)


def _of_run(run: Run, names: Sequence[str]) -> dict[str, Any]:
    speed = run.summary.get("images_per_second")
    costs = {name: run.summary.get(key) for name, key in COSTS.items()}
    return {
        "title": run.title,
        "name": run.name,
        "words": " ".join([run.title, run.name, run.status, *(f"{key}={value}" for key, value in run.overrides.items())]),
        "primary": run.primary,
        "speed": speed if speed and is_number(speed) else None,
        "costs": {name: value for name, value in costs.items() if is_number(value)},
        "chosen": {} if run.status == "failed" else {name: value for name, value in run.chosen.items() if is_number(value)},
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
