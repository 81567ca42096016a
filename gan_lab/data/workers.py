"""A loader whose worker processes leave signals to the main process."""

import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from torch.utils.data import DataLoader

SIGNALS = {signal.SIGHUP, signal.SIGINT} | ({signal.SIGTERM} if sys.platform == "linux" else set())
"""Blocked in workers; not SIGTERM on macOS, which has no `signal.sigwaitinfo` to tell the main process's own from others."""


class Loader(DataLoader):
    """A loader whose workers outlive a signal to the whole process group, as `timeout`, a terminal and Slurm send it.

    A worker that such a signal ends takes the main process with it, before it has written its checkpoint. The signals are
    blocked while the workers are forked, for these inherit the mask, and come to the main process afterwards.

    Args:
        num_workers: worker processes, but at most one per core: more slow each other down, and torch warns of them.
    """

    def __init__(self, dataset: Any, *, num_workers: int = 0, **kwargs: Any) -> None:
        super().__init__(dataset, num_workers=min(num_workers, cores()), **kwargs)
        self.worker_init_fn = obey_parent

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch's own, private class
        """Return an iterator, whose workers this call forks; without any a generator, which costs less than torch's."""
        if self.num_workers == 0 and not self.pin_memory:
            batches: Any = self.batch_sampler
            fetch = getattr(self.dataset, "__getitems__", self._one_by_one)
            return (self.collate_fn(fetch(rows)) for rows in batches)
        former = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            return super().__iter__()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)

    def _one_by_one(self, rows: Iterable[int]) -> list[Any]:
        return [self.dataset[row] for row in rows]


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def obey_parent(worker: int) -> None:
    """Let this worker end by the SIGTERM of its own main process alone."""
    if sys.platform == "linux":
        threading.Thread(target=_end_by_parent, daemon=True).start()


def _end_by_parent() -> None:
    while sys.platform == "linux":
        signalled = signal.sigwaitinfo(SIGNALS)
        if (signalled.si_signo, signalled.si_pid) == (signal.SIGTERM, os.getppid()):
            os._exit(0)
