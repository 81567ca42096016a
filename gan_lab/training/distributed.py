"""Runs of several processes: their common folder, and who starts them.

Nothing heavy is imported here: `train` imports it before a command answers.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_lab.errors import InputError

if TYPE_CHECKING:
    from lightning import Trainer

ENDED_BY_SIGNAL = (130, 143)
"""Exit statuses of a run that was told to end."""

PATIENCE = 10
"""Seconds in which the data workers of a killed run, which hold its folder too, notice that it is gone."""

MARKS = {"MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE"}
"""What Lightning tells the processes that it starts through the environment."""


def check_torchrun(argv: Sequence[str]) -> None:
    """Refuse, under torchrun, options on which its processes could not agree."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    if name is None:
        return
    if "-m" in argv or "--multirun" in argv:
        raise InputError("a sweep starts the processes of its jobs itself: leave out torchrun, and give trainer=ddp")
    if name == "none" and not any(arg.startswith("hydra.run.dir=") for arg in argv):
        raise InputError(
            "the processes of torchrun need a common run folder: give hydra.run.dir=FOLDER, or torchrun --rdzv-id=NAME"
        )


def isolated_process_group(function: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """Wrap a function so that the process group that Lightning forms in it, and its environment variables, end with it.

    The next job of a sweep would inherit them, and wait for processes that are not there.
    """

    @wraps(function)
    def run(cfg: DictConfig) -> Any:
        before = dict(os.environ)
        try:
            return function(cfg)
        finally:
            for name in MARKS - before.keys():
                os.environ.pop(name, None)
            distributed = getattr(sys.modules.get("torch"), "distributed", None)
            if distributed and distributed.is_available() and distributed.is_initialized():
                distributed.destroy_process_group()

    return run


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the run folder, by the first of a run's processes, as long as it lives.

    Raises:
        InputError: another run is in it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    if all(os.environ.get(rank, "0") == "0" for rank in ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout as error:
            raise InputError(
                f"another process is training in '{folder}': wait for its end, or give another hydra.run.dir="
            ) from error
    try:
        yield
    finally:
        lock.release()


def needs_a_command(trainer: "Trainer") -> bool:
    """Return whether this job of a sweep starts processes: these would repeat the command line, and so the whole sweep."""
    return HydraConfig.get().mode == RunMode.MULTIRUN and trainer.world_size > 1


def own_command(module: str, further: Sequence[str]) -> list[str]:
    """Return the command that repeats the running one, in ``module``, with further overrides."""
    hydra = HydraConfig.get()
    own = [f"--config-dir={source.path}" for source in hydra.runtime.config_sources if source.provider == "command-line"]
    return [sys.executable, "-m", module, *hydra.overrides.task, *further, *own]


def run_command(folder: Path) -> None:
    """Run this job as a command of its own in the same folder, and wait for it."""
    where = [f"hydra.run.dir='{folder}'", "hydra.output_subdir=null", "hydra.mode=RUN"]
    ended = subprocess.run(own_command("gan_lab.train", where), stderr=subprocess.PIPE, text=True)
    sys.stderr.write(ended.stderr)
    if ended.returncode in ENDED_BY_SIGNAL:
        sys.exit(ended.returncode)  # the sweep ends with it
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"]
        raise InputError(lines[-1].removeprefix("gan_lab: "))
