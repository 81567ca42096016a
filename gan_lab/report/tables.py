"""Make the tables of the page: the runs, their evaluations, their differences."""

from collections.abc import Mapping, Sequence
from typing import Any

from gan_lab.report.cells import Cell, Table, duration, is_number, number, span, spread, text, value, without_empty
from gan_lab.report.runs import Run
from gan_lab.report.titles import differences

DIAGNOSES = ("d_held_out", "d_train", "d_overfit")
"""Values that stand beside the metrics, but judge D."""

WAYS = {"min": "lower", "max": "higher"}


def best(runs: Sequence[Run]) -> dict[str, Run]:
    """Return the best run of each metric that chose checkpoints, on each data set."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if is_number(run.value):
            groups.setdefault((run.primary or "", run.words["data"]), []).append(run)
    return {f"{name} on {data}": _best(group, name) for (name, data), group in groups.items()}


def _best(runs: Sequence[Run], name: str) -> Run:
    return (max if runs[0].mode(name) == "max" else min)(runs, key=lambda run: run.chosen[name])


def overview(runs: Sequence[Run]) -> Table:
    """Make a row per run: its choices, its outcome, its cost. A column that is empty for all runs is left out."""
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
            "metric": text(primary),
            "chosen": chosen,
            "best": number(run.best(primary)),
            "baseline": number(run.baseline.get(primary)),
            **{name: number(run.chosen.get(name)) for name in others},
            "images seen": number(run.images_seen),
            "time": duration(run.summary.get("seconds")),
            "images/s": number(run.summary.get("images_per_second")),
            "G's parameters": number(parameters.get("generator")),
            "D's parameters": number(parameters.get("discriminator")),
            "peak MiB": number(run.summary.get("peak_memory_mib")),
            "device": text(run.summary.get("device")),
        }

    rows = [row(run) for run in runs]
    return without_empty(Table(list(rows[0]), [list(cells.values()) for cells in rows]))


def compared(runs: Sequence[Run]) -> Table:
    """Make a table of the keys in which the runs differ, with its longer side downwards."""
    found = differences([run.config for run in runs])
    if not found:
        return Table([], [])
    columns = {key: [value(each) for each in values] for key, values in found.items()}
    if len(runs) <= len(columns):
        rows = [[Cell(key, key, "name key"), *cells] for key, cells in columns.items()]
        return Table(["key", *(run.title for run in runs)], rows)
    rows = [[Cell(run.title, run.title, "name"), *cells] for run, *cells in zip(runs, *columns.values(), strict=True)]
    return Table(["run", *columns], rows)


def evaluations(runs: Sequence[Run]) -> Table:
    """Make a row per metric, a column per run, and beside them the real-data baseline; the best of a row is marked.

    Values of different protocols stand in rows of their own, for they compare with nothing else.
    """
    return without_empty(_evaluations(runs))


def evaluation_cards(runs: Sequence[Run]) -> Table:
    """Make the same table with a row per run, and one of the held-out reals: a phone shows each as a card."""
    table = _evaluations(runs)
    names = [", ".join(filter(None, (metric.text, record.text))) for metric, record, *_ in table.rows]
    columns = list(zip(*(row[3:] for row in table.rows), strict=True))
    told = [
        (title, cells) for title, cells in zip(table.headers[3:], columns, strict=False) if any(cell.text for cell in cells)
    ]
    rows = [[Cell(title, title, "name"), *cells] for title, cells in told]
    return Table(["run", *names], rows)


def _evaluations(runs: Sequence[Run]) -> Table:
    judged = [run for run in runs if any(map(metrics, run.records.values()))]
    files = list(dict.fromkeys(file for run in judged for file in run.records))
    rows = [
        _judged(name, file if len(files) > 1 else "", [metrics(run.records.get(file, {})).get(name, {}) for run in judged])
        for file in files
        for name in dict.fromkeys(name for run in judged for name in metrics(run.records.get(file, {})))
    ]
    return Table(["metric", "record", "better", *(run.title for run in judged), "held-out reals"], rows)


def _judged(name: str, file: str, found: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """Make a row from what each run's record holds of a metric, nothing where it was not judged by it."""
    directions = {str(each["better"]) for each in found if each.get("better")}
    better = directions.pop() if len(directions) == 1 else ""
    means = [each["mean"] for each in found if each]
    best = {"min": min, "max": max}[better](means) if better in WAYS and len(means) > 1 else None
    cells = [spread(each, "best" if each and each["mean"] == best else "") for each in found]
    baselines = [baseline for each in found if is_number(baseline := each.get("baseline", each.get("floor")))]  # floor: 0.1
    return [text(name), text(file.removesuffix("/metrics.json")), text(WAYS.get(better)), *cells, span(baselines)]


def metrics(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the values of a record by name, without those that are no numbers."""
    values = record.get("values")
    found = values if isinstance(values, dict) else {}
    return {name: value for name, value in found.items() if isinstance(value, dict) and is_number(value.get("mean"))}
