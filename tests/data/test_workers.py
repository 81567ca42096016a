import os
import signal
import subprocess
import sys

import pytest

from gan_lab.data.workers import SIGNALS, Loader


@pytest.fixture
def batches():
    made = iter(Loader(list(range(100)), num_workers=2, multiprocessing_context="fork"))
    yield made
    made._shutdown_workers()


def test_workers_outlive_the_signals_that_a_group_gets(batches):
    next(batches)
    for number in SIGNALS:  # by another process: a SIGTERM of this one ends them
        subprocess.run(["kill", f"-{number}", *(str(worker.pid) for worker in batches._workers)], check=True)
    assert len(list(batches)) == 99


def test_a_signal_while_they_are_forked_reaches_the_main_process(monkeypatch):
    came = []
    former = signal.signal(signal.SIGINT, lambda *_: came.append(1))
    fork = os.fork

    def fork_and_signal():
        if not (child := fork()):
            return child
        os.kill(child, signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return child

    monkeypatch.setattr(os, "fork", fork_and_signal)
    try:
        assert len(list(Loader(list(range(8)), num_workers=1, multiprocessing_context="fork"))) == 8
    finally:
        signal.signal(signal.SIGINT, former)
    assert came == [1]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.parametrize(("cores", "started"), [(1, 1), (2, 2), (64, 4)])
def test_no_core_gets_two_workers_of_which_torch_would_warn(monkeypatch, recwarn, cores, started):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert Loader(list(range(8)), num_workers=4, multiprocessing_context="fork").num_workers == started
    assert not [str(warning.message) for warning in recwarn]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere SIGTERM is not blocked")
def test_the_main_process_ends_a_worker_by_the_same_signal(batches):
    next(batches)
    worker = batches._workers[0]
    from torch.utils.data._utils import signal_handling

    signal_handling._remove_worker_pids(id(batches))  # torch would call the end of one an error
    batches._worker_pids_set = False
    worker.terminate()
    worker.join(timeout=5)
    assert worker.exitcode == 0
