"""Make the page: its tables, and the numbers that its script draws."""

import base64
import hashlib
import itertools
import json
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
from gan_lab.cli.command import check_place
from gan_lab.cli.words import count
from gan_lab.errors import InputError
from gan_lab.report import numbers, tables
from gan_lab.report.cells import short
from gan_lab.report.runs import Run, collect
from gan_lab.run_folder import find

SCRIPTS = ("tables.js", "curves.js", "options.js", "samples.js")
"""The page's script, in this order."""

NO_RUN = "{} is no run and holds none: there is no metrics.csv and no summary.json in it."


def report(cfg: DictConfig) -> None:
    """Write a single HTML file that shows and compares the runs, from nothing but the files in their folders."""
    if cfg.out and Path(cfg.out).is_dir():
        raise InputError(f"out={cfg.out} is a folder: name a file in it, as out={Path(cfg.out) / 'report.html'}")
    path = Path(cfg.out) if cfg.out else free()
    check_place(str(path.parent), "out")
    folders, others = find(cfg.runs)
    page = render(collect(folders, cfg.max_grids), others)
    former, console = path.exists(), Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, page)
    for folder in others:
        console.print(NO_RUN.format(folder))
    replaced = ", in the place of a former one" if former else ""
    console.print(f"{count(len(folders), 'run')} -> {path} ({len(page) / 2**20:.1f} MiB{replaced})")


def free() -> Path:
    """Return report.html, or the first of report-2.html, report-3.html, ... that is not there."""
    names = itertools.chain(["report.html"], (f"report-{number}.html" for number in itertools.count(2)))
    return next(path for path in map(Path, names) if not path.exists())


def render(runs: Sequence[Run], others: Sequence[Any] = ()) -> str:
    """Return the page as one text: with its style, its script, its numbers and its pictures.

    Args:
        runs: to show, in this order.
        others: folders that were given and are no runs.
    """
    environment = Environment(
        loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    *scripts, style = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in (*SCRIPTS, "style.css"))
    script = "".join(scripts)
    environment.filters |= {"pretty": partial(json.dumps, indent=2, ensure_ascii=False), "short": short, "remarks": remarks}
    return environment.get_template("page.html").render(
        title=_headline(runs),
        made=f"{datetime.now():%Y-%m-%d %H:%M}, gan_lab {__version__}",
        statuses=Counter(run.status for run in runs),
        best=tables.best(runs),
        runs=runs,
        notes=[NO_RUN.format(folder) for folder in others],
        overview=tables.overview(runs),
        curves=numbers.sections(runs),
        resources=numbers.resources(runs),
        evaluations=tables.evaluations(runs),
        cards=tables.evaluation_cards(runs),
        is_evaluated=any(run.records or run.pictures for run in runs),
        differences=tables.compared(runs),
        data=numbers.numbers(runs),
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _headline(runs: Sequence[Run]) -> str:
    shared = [
        words.pop() for words in ({run.words["model"] for run in runs}, {run.words["data"] for run in runs}) if len(words) == 1
    ]
    told = count(len(runs), "run")
    return f"{told} of {' on '.join(shared)}" if all(shared) and len(shared) == 2 else told


def remarks(record: Mapping[str, Any]) -> list[str]:
    """Return the reasons why the values of a record compare with few others."""
    notes = record.get("notes")
    return [str(note) for note in notes] if isinstance(notes, list) else []
