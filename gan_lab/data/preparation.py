"""Decode a data set into prepared arrays: alone, under a progress bar, and from where a former call stopped."""

import errno
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from gan_lab.cli.console import say
from gan_lab.cli.words import count
from gan_lab.data.module import Data
from gan_lab.data.workers import cores
from gan_lab.data.writer import SplitProgress, Writer
from gan_lab.errors import InputError

PLAIN_SECONDS = 10.0
"""Between two lines where there is no terminal."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder of arrays; wait while another process writes it."""
    lock = FileLock(f"{folder}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"waiting for another process that writes {folder}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def write(data: Data, folder: Path, workers: int | None = None, chunk: int = 256) -> tuple[dict[str, Any], int]:
    """Write the arrays of both splits; return their manifest and the number of images that this call has read.

    Args:
        data: the source, with ``prepared=None``.
        folder: to be made.
        workers: processes that decode; None: one for each core.
        chunk: images between two marks from which a stopped call goes on.

    Raises:
        InputError: the disk has too little room.
        SystemExit: with status 130 after a Ctrl-C.
    """
    workers = cores() if workers is None else workers
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
        say(f"stopped after {count(_count(writer), 'image')}: run the same command again to continue")
        sys.exit(130)  # as a shell reports a Ctrl-C
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _full(writer) from error


def _count(writer: Writer) -> int:
    return sum(progress.read for progress in writer.progress.values())


def _full(writer: Writer) -> InputError:
    return InputError(
        f"the disk is too full for '{writer.folder}', which needs {writer.bytes_left:,} more bytes: free some space and run "
        "the same command again to continue, or give data.prepared=FOLDER on another disk"
    )


def _watch(split: str, start: SplitProgress, steps: Iterator[SplitProgress]) -> None:
    """Show a bar on a terminal, else a line now and then."""
    console, shown = Console(markup=False, emoji=False), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("images {task.fields[rate]}"))
    with Bar(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bar:
        bar.add_task(split, total=start.total, completed=start.read, rate="")
        (task,) = bar.tasks
        for progress in steps:
            bar.update(task.id, completed=progress.read, rate=f"{task.speed or 0:,.0f} images/s")
            if bar.disable and time.monotonic() - shown >= PLAIN_SECONDS:
                shown = time.monotonic()
                left = f"{task.time_remaining or 0:,.0f} s left"
                say(f"{split}: {progress.read:,}/{progress.total:,} images, {task.fields['rate']}, {left}")
