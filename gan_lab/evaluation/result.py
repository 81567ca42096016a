"""The result of an evaluation: its values with all that decides them, ``metrics.json``, and tables."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gan_lab import __version__, atomic
from gan_lab.cli.words import count
from gan_lab.evaluation.metric import Quantity

FILE = "metrics.json"
PACKAGES = ("torch", "torchvision", "numpy")


@dataclass
class Value:
    """One quantity.

    Attributes:
        mean: over seeds.
        sd: standard deviation over seeds (n - 1); None: there is one.
        seeds: the value of each.
        baseline: the same quantity of held-out reals; None: there is none.
        better: "min", "max", or None: a diagnosis.
        unit: of all these numbers; empty: none.
    """

    mean: float
    sd: float | None
    seeds: list[float]
    baseline: float | None
    better: str | None
    unit: str = ""


@dataclass
class EvalResult:
    """One evaluation.

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
        baseline: dict[str, float],
        quantities: Mapping[str, Quantity],
        protocol: dict[str, Any],
        notes: list[str],
        seconds: float,
    ) -> "EvalResult":
        """Summarise the values of every seed, leaving out names that some seed has no value for."""
        values = {}
        for name in (name for name in seeds[0] if all(name in value for value in seeds)):  # KL has none without a mode
            found, quantity = [value[name] for value in seeds], quantities[name]
            sd = statistics.stdev(found) if len(found) > 1 else None
            values[name] = Value(statistics.fmean(found), sd, found, baseline.get(name), quantity.better, quantity.unit)
        versions = {"gan_lab": __version__} | {package: version(package) for package in PACKAGES}
        return cls(values, protocol, notes, versions, round(seconds, 1))

    @property
    def title(self) -> str:
        """Name the images, the extractors and the numbers of images."""
        facts = self.protocol
        who = facts.get("run") or facts.get("samples")
        counts = count(facts["n_fake"], "sample")
        if facts["n_reference"]:
            counts += f", {count(facts['n_reference'], 'reference image')}"
        return f"{who}: {', '.join(facts['extractors'])}, {counts}"


def write(result: EvalResult, folder: Path) -> None:
    """Write ``metrics.json``, whole or not at all."""
    atomic.write_json(folder / FILE, asdict(result))


def read(folder: Path) -> EvalResult | None:
    """Read the result in a folder; None where there is none, or a damaged or older one."""
    try:
        content = json.loads((folder / FILE).read_text())
        return EvalResult(**content | {"values": {name: Value(**value) for name, value in content["values"].items()}})
    except (OSError, ValueError, TypeError, KeyError):
        return None


# ----- on the screen -----------------------------------------------------------------------------------------------------


def show(results: list[EvalResult], form: str, folders: Sequence[Path]) -> None:
    """Print one table per result and where it is kept, or one of all for a paper."""
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    if form != "table":
        console.print(FORMATS[form](results))
        return
    for result, folder in zip(results, folders, strict=True):
        console.print(_table(result))
        for note in result.notes:
            console.print(f"note: {note}")
        console.print(f"kept in {folder / FILE}")


def _table(result: EvalResult) -> Any:
    seeds, n = len(result.protocol["seeds"]), result.protocol["n_held_out"]
    table = Table(title=result.title)
    for column in (
        "metric",
        f"mean of {count(seeds, 'seed')}",
        "sd",
        "real" if n is None else count(n, "other real"),
        "better",
    ):
        table.add_column(column, justify="left" if column == "metric" else "right", overflow="fold")
    arrows = {"min": "lower", "max": "higher", None: ""}
    for name, value in result.values.items():
        numbers = ["" if number is None else f"{number:.4g}" for number in (value.mean, value.sd, value.baseline)]
        label = f"{name}, {value.unit}" if value.unit else name
        table.add_row(label, *numbers, arrows[value.better])
    return table


def _cells(results: list[EvalResult]) -> list[list[str]]:
    """Return the head, a row per result, and the baseline of the first."""
    names = list(dict.fromkeys(name for result in results for name in result.values))
    rows = [["run", *names]]
    for result in results:
        cells = [_cell(result.values.get(name)) for name in names]
        rows.append([str(result.protocol.get("run") or result.protocol.get("samples")), *cells])
    baseline = [results[0].values[name].baseline if name in results[0].values else None for name in names]
    if any(value is not None for value in baseline):
        rows.append(["real images", *("" if value is None else f"{value:.4g}" for value in baseline)])
    return rows


def _cell(value: Value | None) -> str:
    if value is None:
        return ""
    return f"{value.mean:.4g}" + (f" ± {value.sd:.2g}" if value.sd is not None else "")


def markdown(results: list[EvalResult]) -> str:
    """Return a table for a README."""
    head, *rows = [[cell.replace("|", "\\|") for cell in row] for row in _cells(results)]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def latex(results: list[EvalResult]) -> str:
    """Return a table for a paper, with booktabs."""
    head, *rows = [[_escaped(cell) for cell in row] for row in _cells(results)]
    lines = [r" & ".join(row) + r" \\" for row in (head, *rows)]
    frame = [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule", lines[0], r"\midrule", *lines[1:]]
    return "\n".join([*frame, r"\bottomrule", r"\end{tabular}"])


def _escaped(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
    special |= {character: "\\" + character for character in "&%#_{}"}
    return "".join(special.get(character, character) for character in text)


FORMATS: dict[str, Any] = {"table": None, "markdown": markdown, "latex": latex}
