"""What `gan_lab.train` says before a run and after it."""

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from gan_lab.data.module import Data
from gan_lab.data.prepared import Prepared
from gan_lab.training import checkpoint
from gan_lab.training.resume import Resumed


def quiet() -> None:
    """Silence what says nothing about this run."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", "Found .* in eval mode")  # the averaged generator is, on purpose
    warnings.filterwarnings("ignore", ".*does not have many workers")  # data in memory need none
    warnings.filterwarnings("ignore", ".*LeafSpec")  # Lightning 2.6 under torch 2.9 and later


@rank_zero_only
def start(cfg: DictConfig, resumed: Resumed | None, data: Data) -> None:
    """Where the run goes, how long it is, what it reads, and what a resumed one changes."""
    console = Console(highlight=False, soft_wrap=True)
    if resumed:
        console.print(f"going on from {resumed.path} at {resumed.images_seen:,} images")
        for change in resumed.changes or ["nothing"]:
            console.print(f"  this command changes {change}")
    console.print(f"{cfg.folder}: {cfg.total_images:,} images, seed {cfg.seed}")
    if isinstance(data.train_set, Prepared):
        console.print(f"prepared images from {data.train_set.folder}")


@rank_zero_only
def complete(cfg: DictConfig, resumed: Resumed) -> None:
    """There is nothing left to do."""
    Console(highlight=False, soft_wrap=True).print(
        f"{resumed.path} stands at {resumed.images_seen:,} of {cfg.total_images:,} images: the run is complete. "
        "To go on, give a longer max_images=, max_g_steps= or max_epochs="
    )


@rank_zero_only
def stopped(folder: Path) -> None:
    """The process was told to end."""
    Console(highlight=False, soft_wrap=True).print(f"stopped; python -m gan_lab.train resume={folder} goes on")


@rank_zero_only
def finish(folder: Path, loggers: Sequence[Any], broken: Sequence[str]) -> None:
    """Scores beside what held-out reals get, times, and where everything lies."""
    console = Console(highlight=False, soft_wrap=True)
    summary = json.loads((folder / "summary.json").read_text())
    if summary["scores"]:
        console.print(scores(summary))
    console.print(
        f"{summary['images_seen']:,} images, {summary['g_steps_done']:,} G steps in {summary['seconds']:.0f} s "
        f"({summary['images_per_second']:,.0f} images/s, judging included)"
    )
    if broken:
        console.print(f"{len(broken):,} broken images were left out, as {broken[0]}")
    grid = max((folder / "samples").glob("*.png"), default=None)
    lines = {"run": folder, "samples": grid, "curves": folder / "curves.png", "to use": checkpoint.find(folder)}
    lines["to go on"] = checkpoint.find(folder, "last")
    for name, path in lines.items():
        console.print(f"{name:<11}{path}")
    console.print(f"{'more':<11}python -m gan_lab.sample run={folder}")
    for logger in loggers:
        if hasattr(logger, "where"):
            console.print(f"{'dashboard':<11}{logger.where()}")


def scores(summary: dict[str, Any]) -> Table:
    """First, best and final validation, the chosen checkpoint on latents of its own, and held-out reals."""
    final = summary.get("final_judgement", {"scores": {}, "images_seen": 0})
    table = Table(title=f"chosen checkpoint: {final['images_seen']:,} images, judged on fresh latents")
    for column in ("score", "first", "best", "last", "chosen", "held-out reals"):
        table.add_column(column, justify="left" if column == "score" else "right", overflow="fold")
    for name, course in summary["scores"].items():
        short = name.removeprefix("val/")
        values = (
            course["first"],
            course.get("best"),
            course["final"],
            final["scores"].get(short),
            summary["baseline"].get(short),
        )
        table.add_row(short, *("" if value is None else f"{value:.4g}" for value in values))
    return table
