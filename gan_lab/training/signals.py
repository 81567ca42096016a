"""End a run by SIGTERM, SIGHUP or Ctrl-C with one sentence and a shell's status, wherever it stands.

Nothing heavy is imported here: a command that is still importing torch ends so too.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning import Trainer


class Stopped(SystemExit):
    """End of a process that was told to, with the status by which a shell reports the signal."""


class Signals:
    """The handler of the three signals.

    In `fit`, Lightning ends a run by SIGTERM and `StopCondition` by the first Ctrl-C, both between two steps; all else ends at
    once, for nothing is lost by it: files are written whole, and what was judged by half is judged anew.

    Attributes:
        trainer: of the run, as soon as there is one.
    """

    trainer: "Trainer | None" = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a signal; SIGHUP, of a terminal that is closed, is one more SIGTERM."""
        if number == signal.SIGHUP:
            signal.raise_signal(signal.SIGTERM)
        elif number != signal.SIGTERM or not self.lightning_ends:
            raise Stopped(128 + number)

    @property
    def lightning_ends(self) -> bool:
        """Whether Lightning has taken a SIGTERM in `fit`, and ends the run by an error of its own."""
        return self.trainer is not None and self.trainer.state.fn == "fit" and self.trainer.received_sigterm


@contextmanager
def stoppable(folder: Path | None = None) -> Iterator[Signals]:
    """Let signals end what runs inside, and say how to go on in this run folder; one that a shell ignores stays ignored."""
    handler, former = Signals(), {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                former[number] = signal.signal(number, handler)
    try:
        yield handler
    except SystemExit as error:
        if not isinstance(error, Stopped) and not handler.lightning_ends:
            raise
        if folder:
            from gan_lab.cli import console

            console.stopped(folder)
        else:
            print("stopped")
        sys.exit(error.code or 128 + signal.SIGTERM)
    finally:
        for number, was in former.items():
            signal.signal(number, was)
