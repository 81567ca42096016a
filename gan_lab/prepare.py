"""Decode a data set once, for all runs: ``python -m gan_lab.prepare data=image_folder data.root=DIR data.image_size=64``."""

import errno
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from gan_lab.cli.command import command

if TYPE_CHECKING:
    from gan_lab.data.module import Data
    from gan_lab.data.writer import SplitProgress, Writer

PLAIN_SECONDS = 10.0
"""Seconds between two lines of progress without a terminal."""


def main() -> None:
    """Run the command."""
    command("prepare", prepare)


def prepare(cfg: DictConfig) -> None:
    """Write the arrays, or continue where an interrupted call stopped; complete arrays are kept."""
    from hydra.utils import instantiate

    from gan_lab.cli import console
    from gan_lab.data import prepared
    from gan_lab.errors import require
    from gan_lab.training.config import check_numbers

    console.quiet()
    check_numbers(cfg)
    require(cfg, {"prepare.workers": 0, "prepare.chunk": 1}, int)
    data = instantiate(cfg.data, prepared=None, batch_size=1)  # read the source itself; a batch of 1 always fits
    folder = _folder(cfg, data)
    with _alone(folder):
        manifest, start = prepared.read(folder), time.perf_counter()
        if manifest and data.stamp in (None, manifest["stamp"]):
            _say(f"{folder} already exists, written {manifest['date']}")
            if cfg.prepare.verify:
                prepared.verify(folder, manifest)
                _say("verified: every byte matches its hash")
        else:
            manifest, read = write(data, folder, cfg.prepare.workers, cfg.prepare.chunk)
            seconds = time.perf_counter() - start
            _say(f"{read:,} images in {seconds:.1f} s, {read / seconds:,.0f} images/s -> {folder}")
    _report(manifest)


def write(data: "Data", folder: Path, workers: int | None = None, chunk: int = 256) -> tuple[dict[str, Any], int]:
    """Write the arrays of both splits; return their manifest and the number of images that this call has read.

    Args:
        data: the source, with ``prepared=None``.
        folder: folder to make.
        workers: decoding processes; None: one per core.
        chunk: images between two records of progress, from which an interrupted call continues.
    """
    from gan_lab.data.writer import Writer

    workers = os.cpu_count() or 1 if workers is None else workers
    data.prepare_data()
    data.setup()
    writer = Writer(folder, data)
    if shutil.disk_usage(folder.parent).free < writer.bytes_left:
        raise _full(writer)
    before = _count(writer)
    try:
        for split, progress in writer.progress.items():
            _watch(split, progress, writer.write(split, workers, chunk))
        return writer.finish(), _count(writer) - before
    except KeyboardInterrupt:
        _say(f"stopped after {_count(writer):,} images: run the same command again to continue")
        sys.exit(130)  # as a shell reports a Ctrl-C
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _full(writer) from error


def _count(writer: "Writer") -> int:
    return sum(progress.read for progress in writer.progress.values())


def _full(writer: "Writer") -> Exception:
    from gan_lab.errors import InputError

    return InputError(
        f"the disk is too full for '{writer.folder}', which needs {writer.bytes_left:,} more bytes: free some space and run "
        "the same command again to continue, or give data.prepared=FOLDER on another disk"
    )


def _folder(cfg: DictConfig, data: "Data") -> Path:
    """Return the folder of the arrays, after making its parent."""
    from hydra.core.hydra_config import HydraConfig

    from gan_lab.data.prepared import place
    from gan_lab.errors import InputError

    if data.recipe is None:
        raise InputError(f"data={HydraConfig.get().runtime.choices['data']} needs no preparation: train on it directly")
    if cfg.data.get("prepared") is None:
        raise InputError("data.prepared=null names no folder for the arrays: give data.prepared=FOLDER")
    folder = place(cfg.data.prepared, data)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot create '{folder.parent}' ({error.strerror}): give another data.prepared=FOLDER") from error
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder, waiting while another process writes it."""
    from filelock import FileLock, Timeout

    lock = FileLock(f"{folder}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _say(f"waiting for another process that writes {folder}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _watch(split: str, start: "SplitProgress", steps: "Iterator[SplitProgress]") -> None:
    """Show progress: a bar on a terminal, otherwise a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console, shown = Console(), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("images {task.fields[rate]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        bar.add_task(split, total=start.total, completed=start.read, rate="")
        (task,) = bar.tasks
        for progress in steps:
            bar.update(task.id, completed=progress.read, rate=f"{task.speed or 0:,.0f} images/s")
            if bar.disable and time.monotonic() - shown >= PLAIN_SECONDS:
                shown = time.monotonic()
                left = f"{task.time_remaining or 0:,.0f} s left"
                _say(f"{split}: {progress.read:,}/{progress.total:,} images, {task.fields['rate']}, {left}")


def _report(manifest: dict[str, Any]) -> None:
    """Print counts, sizes, broken images, and the command that trains on the arrays."""
    import math

    from hydra.core.hydra_config import HydraConfig

    for split, entry in manifest["splits"].items():
        count, channels, height, width = entry["shape"]
        size = math.prod(entry["shape"]) / 2**20
        labels = "labels" if entry["labels"] else "no labels"
        _say(f"  {split}: {count:,} images {channels}x{height}x{width}, {labels}, {size:,.1f} MiB")
        if broken := entry["broken"]:
            more = f" and {len(broken) - 3:,} more" if len(broken) > 3 else ""
            _say(f"    {len(broken):,} broken image(s) skipped: {', '.join(broken[:3])}{more}")
    options = [option for option in HydraConfig.get().overrides.task if not option.lstrip("+").startswith("prepare.")]
    _say(f"train on them: python -m gan_lab.train {shlex.join(options)}")


def _say(line: str) -> None:
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(line, markup=False)


if __name__ == "__main__":
    main()
