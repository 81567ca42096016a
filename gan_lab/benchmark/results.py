"""Show what a benchmark measured: one table, and after a sweep one file and a bar chart over all its jobs."""

from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from gan_lab import atomic
from gan_lab.benchmark.breakdown import SHARES
from gan_lab.cli import console
from gan_lab.cli.words import count
from gan_lab.errors import first_line
from gan_lab.plot.bars import save_bars
from gan_lab.run_folder import RunFolder, read_json

NONE = "-"
"""Shown where there is no number: a GPU's on a CPU, the parts of a replayed step."""

WIDTH = 160

FILE, CHART = "benchmark.json", "benchmark.png"

Record = dict[str, Any]
"""What `gan_lab.benchmark.step` writes of one job."""


def show(records: list[Record], path: Path) -> None:
    """Print the table, and where the record lies."""
    printer = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    printer.width = max(printer.width, WIDTH)  # a narrower table has no numbers
    if records:
        printer.print(table(records))
        machine = {f"{record['device']}, {count(record['threads'], 'thread')}, torch {record['torch']}" for record in records}
        printer.print(f"{'; '.join(sorted(machine))} -> {path}")


def show_sweep(sweep: Path) -> bool:
    """Print the table of a sweep's jobs, write ``benchmark.json`` and ``benchmark.png``; return whether a job failed."""
    jobs = sorted((path for path in sweep.iterdir() if path.is_dir()), key=lambda path: (len(path.name), path.name))
    records = [read_json(job / FILE) for job in jobs if (job / FILE).is_file()]
    failed = [RunFolder(job) for job in jobs if not (job / FILE).is_file()]
    path = sweep / FILE
    atomic.write_json(path, records)
    show(records, path)
    if records:
        save_bars({record["model"]: ratios(record) for record in records}, "images/s, plain loop in float32 = 1", sweep / CHART)
        console.say(str(sweep / CHART))
    for job in failed:
        console.say(f"failed     {job.path}: {first_line(job.read_summary().get('error', 'it left nothing'))}")
    return bool(failed)


def ratios(record: Record) -> dict[str, tuple[float, float]]:
    """Return the ratio of each setting and its standard error."""
    rows = {name: row for name, row in record["rows"].items() if row.get("ratio", 1) != 1}
    return {name: (row["ratio"], row["ratio"] * (row["spread"] or 0)) for name, row in rows.items()}


def deviation(row: Record) -> str:
    """Return the standard error of a ratio as text; nothing after one round."""
    return f" ± {row['ratio'] * row['spread']:.2f}" if row["spread"] else ""


def table(records: list[Record]) -> Table:
    """Make a table with a row for each contender of each job."""
    result = Table(
        box=box.SIMPLE, padding=(0, 1, 0, 0), title="images/s; ratio to the plain loop in float32; shares of the time"
    )
    for column in (
        "model",
        "batch",
        "setting",
        "images/s",
        "ratio",
        *SHARES[:-1],
        "waiting",
        "rest",
        "MiB",
        "GFLOP",
        "of peak",
    ):
        result.add_column(column, justify="left" if column in ("model", "batch", "setting") else "right", no_wrap=True)
    for record in records:
        for name, row in record["rows"].items():
            result.add_row(record["model"], "x".join(map(str, record["batch"])), name, *cells(row, record["flops_per_image"]))
        result.add_section()
    return result


def cells(row: Record, flops: float | None) -> list[str]:
    """Return the numbers of a row as text."""
    if "failed" in row:
        return [row["failed"]]
    shares = row.get("shares", {})
    return [
        f"{row['images_per_second']:,.1f}",
        f"{row['ratio']:.2f}{deviation(row)}" if "ratio" in row else NONE,
        *(f"{shares[part]:.0%}" if part in shares else NONE for part in (*SHARES[:-1], "waiting", "rest")),
        f"{row['peak_memory_mib']:,}" if row["peak_memory_mib"] else NONE,
        f"{flops / 1e9:.3g}" if flops else NONE,
        f"{row['share_of_peak']:.1%}" if "share_of_peak" in row else NONE,
    ]
