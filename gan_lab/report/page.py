"""The page: tables made here, and the numbers that its script draws."""

import base64
import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from gan_lab import __version__
from gan_lab.logger.sections import section
from gan_lab.report.runs import NO_RUN, Run, differences

MOST_POINTS = 500
"""Of a curve that is no score; scores have all their points, for times are read off them."""

DIAGNOSES = ("d_held_out", "d_train", "d_overfit")
"""What stands beside the scores but judges D."""

WAYS = {"min": "lower", "max": "higher"}


@dataclass
class Cell:
    """What a cell of a table shows, and what it is sorted by; an empty key stands last."""

    text: str
    key: str | float = ""
    kind: str = ""


@dataclass
class Table:
    """Sortable by each of its headers."""

    headers: list[str]
    rows: list[list[Cell]]


def render(runs: Sequence[Run], others: Sequence[Any] = ()) -> str:
    """The page as one text: with its style, its script, its numbers and its pictures.

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
        best=best(runs),
        runs=runs,
        notes=[NO_RUN.format(folder) for folder in others],
        overview=overview(runs),
        curves=_sections(runs),
        records=records(runs),
        is_evaluated=any(run.records or run.pictures for run in runs),
        differences=compared(runs),
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


def best(runs: Sequence[Run]) -> dict[str, Run]:
    """For each score that chose checkpoints on some data, the run whose chosen checkpoint has the best."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if is_number(run.value):
            groups.setdefault((run.primary or "", run.words["data"]), []).append(run)
    return {f"{name} on {data}": _best(group, name) for (name, data), group in groups.items()}


def _best(runs: Sequence[Run], name: str) -> Run:
    return (max if runs[0].mode(name) == "max" else min)(runs, key=lambda run: run.chosen[name])


def overview(runs: Sequence[Run]) -> Table:
    """A row per run: what it is, what it came to, what it cost. A column that no run has anything in is left out."""
    names = dict.fromkeys(name for run in runs for name in run.chosen if name not in DIAGNOSES)
    others = [name for name in names if any(name in run.chosen and name != run.primary for run in runs)]
    winners = [id(run) for run in best(runs).values()]

    def row(run: Run) -> dict[str, Cell]:
        parameters, primary = run.summary.get("parameters") or {}, run.primary or ""
        chosen = number(run.chosen.get(primary), "best" if id(run) in winners else "")
        return {
            "run": Cell(run.title, run.title, "name"),
            "status": Cell(run.status, run.status, run.status),
            "folder": text(run.name),
            "model": text(run.words["model"]),
            "data": text(run.words["data"]),
            "score": text(primary),
            "chosen": chosen,
            "best": number(run.course(primary).get("best")),
            "floor": number(run.floor.get(primary)),
            **{name: number(run.chosen.get(name)) for name in others},
            "images seen": number(run.images_seen),
            "time": duration(run.summary.get("seconds")),
            "images/s": number(run.summary.get("images_per_second")),
            "G's parameters": number(parameters.get("generator")),
            "D's parameters": number(parameters.get("discriminator")),
            "peak MiB": number(run.summary.get("peak_memory_mib")),
            "device": text(run.summary.get("device")),
        }

    return table([row(run) for run in runs])


def table(rows: Sequence[Mapping[str, Cell]]) -> Table:
    """Without the columns in which all cells are empty."""
    headers = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if any(row[name].text for row in rows if name in row)
    ]
    return Table(headers, [[row.get(name, Cell("")) for name in headers] for row in rows])


def compared(runs: Sequence[Run]) -> Table:
    """The keys in which the runs differ, with the longer side of the table downwards."""
    found = differences(runs)
    if not found:
        return Table([], [])
    columns = {key: [value(each) for each in values] for key, values in found.items()}
    if len(runs) <= len(columns):
        rows = [[Cell(key, key, "name key"), *cells] for key, cells in columns.items()]
        return Table(["key", *(run.title for run in runs)], rows)
    rows = [[Cell(run.title, run.title, "name"), *cells] for run, *cells in zip(runs, *columns.values(), strict=True)]
    return Table(["run", *columns], rows)


def records(runs: Sequence[Run]) -> Table:
    """A row per score of each evaluation: mean and standard deviation over seeds, beside the floor."""
    rows = []
    for run in runs:
        for file, record in run.records.items():
            for name, found in scores(record).items():
                row = {"score": text(name), "run": Cell(run.title, run.title, "name")}
                row |= {key: number(found.get(key)) for key in ("mean", "sd", "baseline")}
                row |= {"better": text(WAYS.get(str(found.get("better")))), "record": text(file)}
                rows.append(row)
    return table(rows)


def scores(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The values of a record by their names; without those that are no numbers."""
    values = record.get("values")
    found = values if isinstance(values, dict) else {}
    return {name: value for name, value in found.items() if isinstance(value, dict) and is_number(value.get("mean"))}


def remarks(record: Mapping[str, Any]) -> list[str]:
    """Why the values of a record compare with few others."""
    notes = record.get("notes")
    return [str(note) for note in notes] if isinstance(notes, list) else []


def is_number(node: Any) -> bool:
    """Whether it is finite, and not a truth."""
    return isinstance(node, int | float) and not isinstance(node, bool) and math.isfinite(node)


def text(node: Any) -> Cell:
    """A word."""
    return Cell("" if node is None else str(node), "" if node is None else str(node))


def value(node: Any) -> Cell:
    """Of a configuration: a word or a number."""
    return Cell("", "") if node is None else Cell(str(node), node if is_number(node) else str(node), "code")


def number(node: Any, kind: str = "") -> Cell:
    """A number, to the right."""
    return Cell(short(node), node, f"number {kind}".strip()) if is_number(node) else Cell("", "", "number")


def short(x: float) -> str:
    """Four digits; a whole number has all of its digits."""
    return f"{int(x):,}" if float(x).is_integer() and abs(x) < 1e15 else f"{x:.4g}" if abs(x) < 1e4 else f"{x:,.0f}"


def duration(seconds: Any) -> Cell:
    """Seconds in words, sorted as a number."""
    if not is_number(seconds):
        return Cell("", "", "number")
    minutes, hours = seconds / 60, seconds / 3600
    told = f"{seconds:.3g} s" if seconds < 100 else f"{minutes:.0f} min" if minutes < 100 else f"{hours:.1f} h"
    return Cell(told, seconds, "number")


def _sections(runs: Sequence[Run]) -> dict[str, list[str]]:
    """The columns of metrics.csv by the section in which they are drawn; scores of G first."""
    names = list(dict.fromkeys(name for run in runs for row in run.rows for name in row))
    scores = [name for name in names if section(name).startswith("val/")]
    of_d = [name for name in scores if name.removeprefix("val/") in DIAGNOSES]
    return {
        "Scores": [name for name in scores if name not in of_d],
        "Losses": [name for name in names if section(name).startswith("loss/")],
        "What explains them": of_d + [name for name in names if section(name).startswith("watch/")],
    }


def numbers(runs: Sequence[Run]) -> dict[str, Any]:
    """What the script needs, as plain as JSON: no infinite numbers."""
    names = [name for group in _sections(runs).values() for name in group]
    return {"runs": [_of_run(run, names) for run in runs], "metrics": {name: _of_metric(runs, name) for name in names}}


def _of_run(run: Run, names: Sequence[str]) -> dict[str, Any]:
    speed = run.summary.get("images_per_second")
    return {
        "title": run.title,
        "name": run.name,
        "primary": run.primary,
        "speed": speed if speed and is_number(speed) else None,
        "series": {name: _points(run.series(name), is_score=name.startswith("val/")) for name in names if run.series(name)},
        "grids": [[images, picture.uri, picture.width, picture.height] for images, picture in run.grids.items()],
    }


def _points(series: Sequence[tuple[float, float]], is_score: bool) -> list[tuple[float, float | None]]:
    """Scores as they are; of other curves every so manieth point, in six digits, and the last."""
    step = 1 if is_score else math.ceil(len(series) / MOST_POINTS)
    kept = [*series[:-1:step], *series[-1:]]
    return [(x, None if not math.isfinite(y) else y if is_score else float(f"{y:.6g}")) for x, y in kept]


def _of_metric(runs: Sequence[Run], name: str) -> dict[str, Any]:
    """Which way is better, if one is; and what held-out reals get, unless the runs have many different."""
    short_name = name.removeprefix("val/")
    floors = {floor for run in runs if is_number(floor := run.floor.get(short_name)) and name.startswith("val/")}
    modes = [mode for run in runs if name.startswith("val/") and (mode := run.mode(short_name))]
    return {"mode": modes[0] if modes else None, "floors": sorted(floors) if len(floors) <= 3 else []}
