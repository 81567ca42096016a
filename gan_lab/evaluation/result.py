"""The record of a judgement: its values with all that decides them, ``metrics.json``, and tables."""

import json
import statistics
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gan_lab import __version__, atomic
from gan_lab.evaluation.metric import Score

FILE = "metrics.json"
PACKAGES = ("torch", "torchvision", "numpy")


@dataclass
class Value:
    """One score.

    Attributes:
        mean: over seeds.
        sd: standard deviation over seeds (n - 1); None: there is one.
        seeds: the value of each.
        floor: the same score of held-out reals; None: there is none.
        better: "min", "max", or None: a diagnosis.
    """

    mean: float
    sd: float | None
    seeds: list[float]
    floor: float | None
    better: str | None


@dataclass
class EvalResult:
    """One judgement.

    Attributes:
        values: by name.
        protocol: all that decides them.
        notes: why they compare with few others.
        versions: of the code.
        seconds: that it took.
    """

    values: dict[str, Value]
    protocol: dict[str, Any]
    notes: list[str]
    versions: dict[str, str]
    seconds: float

    @classmethod
    def of(
        cls,
        seeds: list[dict[str, float]],
        floor: dict[str, float],
        scores: Mapping[str, Score],
        protocol: dict[str, Any],
        notes: list[str],
        seconds: float,
    ) -> "EvalResult":
        """From the values of every seed and of the floor."""
        better = {name: way for score in scores.values() for name, way in score.better.items()}
        values = {}
        for name in (name for name in seeds[0] if all(name in value for value in seeds)):  # KL is none without a mode
            found = [value[name] for value in seeds]
            sd = statistics.stdev(found) if len(found) > 1 else None
            values[name] = Value(statistics.fmean(found), sd, found, floor.get(name), way(name, better))
        versions = {"gan_lab": __version__} | {package: version(package) for package in PACKAGES}
        return cls(values, protocol, notes, versions, round(seconds, 1))

    @property
    def title(self) -> str:
        """Of whom, by whose eyes, beside what."""
        facts = self.protocol
        who = facts.get("run") or facts.get("a")
        counts = f"{facts['n_fake']:,} samples" + (
            f", {facts['n_reference']:,} reference images" if facts["n_reference"] else ""
        )
        return f"{who}: {facts['extractor']}, {counts}"


def way(name: str, better: Mapping[str, str]) -> str | None:
    """Which way is better: of the name, or of its part before the first ``_``; deviations and residuals have none."""
    if name.endswith(("_std", "_residual")):
        return None
    words = name.removeprefix("clean_").split("_")
    return better.get(name, better.get(words[0]))


def write(record: EvalResult, folder: Path) -> None:
    """``metrics.json``, whole or not at all."""
    atomic.write_json(folder / FILE, asdict(record))


def read(folder: Path) -> EvalResult | None:
    """The record in a folder; None where there is none, or a damaged one."""
    try:
        content = json.loads((folder / FILE).read_text())
        return EvalResult(**content | {"values": {name: Value(**value) for name, value in content["values"].items()}})
    except (OSError, ValueError, TypeError, KeyError):
        return None


# ----- on the screen -----------------------------------------------------------------------------------------------------

Task = Callable[[str, int], Callable[[int], None]]


@contextmanager
def progress() -> Iterator[Task]:
    """Bars with the time left: a function that begins one and returns what tells it of images done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from gan_lab.evaluation.features import process

    rank, world_size = process()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=rank != 0) as bars:

        def begin(name: str, total: int) -> Callable[[int], None]:
            task = bars.add_task(name, total=total)
            return lambda count: bars.advance(task, count * world_size)

        yield begin


def show(records: list[EvalResult], form: str) -> None:
    """One table per record, or one of all for a paper."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    if form != "table":
        console.print(FORMATS[form](records), markup=False)
        return
    for record in records:
        console.print(_table(record))
        for note in record.notes:
            console.print(f"note: {note}", markup=False)


def _table(record: EvalResult) -> Any:
    from rich.markup import escape
    from rich.table import Table

    seeds = len(record.protocol["eval"]["seeds"])
    floor = record.protocol["n_floor"]
    table = Table(title=escape(record.title))
    for column in ("score", f"mean of {seeds} seed(s)", "sd", "real" if floor is None else f"{floor:,} other reals", "better"):
        table.add_column(column, justify="left" if column == "score" else "right", overflow="fold")
    arrows = {"min": "lower", "max": "higher", None: ""}
    for name, value in record.values.items():
        numbers = ["" if number is None else f"{number:.4g}" for number in (value.mean, value.sd, value.floor)]
        table.add_row(escape(name), *numbers, arrows[value.better])
    return table


def _cells(records: list[EvalResult]) -> list[list[str]]:
    """Head, a row per record, and the floor of the first."""
    names = list(dict.fromkeys(name for record in records for name in record.values))
    rows = [["run", *names]]
    for record in records:
        cells = [_cell(record.values.get(name)) for name in names]
        rows.append([str(record.protocol.get("run") or record.protocol.get("a")), *cells])
    floor = [records[0].values[name].floor if name in records[0].values else None for name in names]
    if any(value is not None for value in floor):
        rows.append(["real images", *("" if value is None else f"{value:.4g}" for value in floor)])
    return rows


def _cell(value: Value | None) -> str:
    if value is None:
        return ""
    return f"{value.mean:.4g}" + (f" ± {value.sd:.2g}" if value.sd is not None else "")


def markdown(records: list[EvalResult]) -> str:
    """A table for a README."""
    head, *rows = [[cell.replace("|", "\\|") for cell in row] for row in _cells(records)]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def latex(records: list[EvalResult]) -> str:
    """A table for a paper, with booktabs."""
    head, *rows = [[_escaped(cell) for cell in row] for row in _cells(records)]
    lines = [r" & ".join(row) + r" \\" for row in (head, *rows)]
    frame = [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule", lines[0], r"\midrule", *lines[1:]]
    return "\n".join([*frame, r"\bottomrule", r"\end{tabular}"])


def _escaped(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
    special |= {character: "\\" + character for character in "&%#_{}"}
    return "".join(special.get(character, character) for character in text)


FORMATS: dict[str, Any] = {"table": None, "markdown": markdown, "latex": latex}
