"""Print what `gan_lab.train` says before a run and after it."""

import logging
import re
import shlex
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.table import Table

from gan_lab import trust
from gan_lab.cli.words import count
from gan_lab.run_folder import RunFolder, find_checkpoint, read_lines


def quiet() -> None:
    """Silence warnings that say nothing about this run."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.profilers").setLevel(logging.INFO)  # the report that trainer.profiler asks for
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", "Found .* in eval mode")  # the averaged generator is, on purpose
    warnings.filterwarnings("ignore", ".*does not have many workers")  # data in memory need none
    warnings.filterwarnings("ignore", ".*LeafSpec")  # Lightning 2.6 under torch 2.9 and later


def _option(key: str, folder: Path) -> str:
    """Return an option to paste into a shell, with quotes for Hydra, and for the shell around them, where a name needs them."""
    if re.fullmatch(r"[A-Za-z0-9_./:@%+-]+", str(folder)):
        return f"{key}={folder}"
    escaped = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    quoted = f"{key}='{escaped}'"
    return shlex.quote(quoted) if re.search(r'["$`!\\]', quoted) else f'"{quoted}"'


def say(line: str) -> None:
    """Print a line as it is: no markup, no colours, no wrapping."""
    Console(highlight=False, soft_wrap=True, markup=False, emoji=False).print(line)


@rank_zero_only
def resumed(checkpoint: Path, images_seen: int, changes: Sequence[str]) -> None:
    """Name the checkpoint that the run continues from, and what the command changes in its configuration."""
    say(f"resuming {checkpoint} at {count(images_seen, 'image')}")
    for change in changes or ["nothing"]:
        say(f"  this command changes {change}")


@rank_zero_only
def transferred(checkpoint: str, transfers: Sequence[object]) -> None:
    """Name the checkpoint whose weights start the run, and say for each network what was taken and what was not."""
    say(f"starting with the weights of {checkpoint}")
    for transfer in transfers:
        say(f"  {transfer}")


@rank_zero_only
def start(folder: Path, total_images: int, seed: int, speed: str, prepared: Path | None = None) -> None:
    """Name the run folder, its length and seed, how fast steps are taken, and the folder of prepared images, if any."""
    say(f"{folder}: {count(total_images, 'image')}, seed {seed}")
    say(f"{'speed':<11}{speed}")
    if prepared:
        say(f"prepared images from {prepared}")


@rank_zero_only
def data(describe: Callable[[], Sequence[str]]) -> None:
    """Say what came in."""
    for line in describe():
        say(line)


@rank_zero_only
def complete(checkpoint: Path, images_seen: int, total_images: int) -> None:
    """Say that there is nothing left to do, and how to go on."""
    say(
        f"{checkpoint} stands at {images_seen:,} of {count(total_images, 'image')}: the run is complete. "
        "To go on, give a longer max_images=, max_g_steps= or max_epochs="
    )


@rank_zero_only
def stopped(folder: Path) -> None:
    """Say how to go on with a run whose process was told to end."""
    if (RunFolder(folder).checkpoints / "last.ckpt").is_file():
        say(f"stopped; python -m gan_lab.train {_option('resume', folder)}{_trusting(folder)} goes on")
    else:
        say("stopped before the first checkpoint: the same command with resume=auto starts anew")


@rank_zero_only
def finish(folder: Path, dashboards: Sequence[str], broken: Sequence[str], faults: Iterable[tuple[str, int]] = ()) -> None:
    """Show the metrics beside those of held-out reals, the time, and where everything lies.

    Args:
        folder: of the run.
        dashboards: the address of each, or the command that opens it.
        broken: images that could not be read.
        faults: the reasons, each with the number of images.
    """
    run = RunFolder(folder)
    summary = run.read_summary()
    if summary["scores"]:
        Console(highlight=False, soft_wrap=True, markup=False, emoji=False).print(metrics(summary))
    say(
        f"{count(summary['images_seen'], 'image')}, {count(summary['g_steps_done'], 'G step')} in {summary['seconds']:.0f} s "
        f"({summary['images_per_second']:,.0f} images/s, validation included)"
    )
    if broken:
        say(f"left out {count(len(broken), 'broken image')}, such as {broken[0]}")
        for fault, n in faults:
            say(f"  {n:,} because such a file {fault}")
    grid = next(reversed(run.grids().values()), None)
    lines: dict[str, Any] = {"run": folder, "samples": grid, "curves": run.curves, "to use": find_checkpoint(folder)}
    longer = f" max_images={2 * summary['images_seen']}" if run.is_complete else ""
    lines["to go on"] = f"python -m gan_lab.train {_option('resume', folder)}{longer}{_trusting(folder)}"
    lines["more"] = f"python -m gan_lab.sample {_option('run', folder)}{_trusting(folder)}"
    for name, value in [*lines.items(), *(("dashboard", dashboard) for dashboard in dashboards)]:
        say(f"{name:<11}{value}")
    if grid and grid.suffix == ".txt":
        say("such as")
        for line in read_lines(grid, 5):
            say(f"{'':<11}{line}")


def _trusting(folder: Path) -> str:
    """Return the option that a command needs for a run of somebody's own modules."""
    names = trust.modules(RunFolder(folder).read_config())
    return f" trust=[{','.join(sorted(names))}]" if names else ""


def metrics(summary: dict[str, Any]) -> Table:
    """Make a table of first, best and last validation, the chosen checkpoint on fresh latents, and held-out reals.

    Args:
        summary: the content of summary.json.
    """
    final = summary.get("final_judgement", {"scores": {}, "images_seen": 0})
    table = Table(title=f"chosen checkpoint: {count(final['images_seen'], 'image')}, judged on fresh latents")
    for column in ("metric", "first", "best", "last", "chosen", "held-out reals"):
        table.add_column(column, justify="left" if column == "metric" else "right", overflow="fold")
    for name, course in summary["scores"].items():
        short = name.removeprefix("val/")
        chosen, baseline = final["scores"].get(short), summary["baseline"].get(short)
        values = (course["first"], course.get("best"), course["final"], chosen, baseline)
        table.add_row(short, *("" if value is None else f"{value:.4g}" for value in values))
    return table
