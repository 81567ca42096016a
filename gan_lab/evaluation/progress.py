"""Progress bars of evaluations, on the first process alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gan_lab.evaluation.processes import process

Task = Callable[[str, int], Callable[[int], None]]


@contextmanager
def progress() -> Iterator[Task]:
    """Show progress bars: yield a function that begins one and returns a function to advance it by a number of images."""
    rank, world_size = process()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, markup=False, emoji=False), transient=True, disable=rank != 0) as bars:

        def begin(name: str, total: int) -> Callable[[int], None]:
            task = bars.add_task(name, total=total)
            return lambda count: bars.advance(task, count * world_size)

        yield begin
