"""Run a sweep (``-m``): a job that fails ends alone, and when all have ended, they are ranked.

Nothing heavy is imported here, for Hydra imports this file before a command answers.
"""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_lab import atomic
from gan_lab.cli.command import sentence
from gan_lab.run_folder import RunFolder
from gan_lab.sweep import ranking

_sweeps: ContextVar[list[Path]] = ContextVar("sweeps")
"""The folders of the sweeps that began inside a `report`."""


class Sweep(Callback):
    """Tell the `report` around it where a sweep lies: Hydra calls nothing at the end of an interrupted sweep."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Add the folder."""
        _sweeps.get([]).append(Path(config.hydra.sweep.dir))


@contextmanager
def report(show: Callable[[Path], bool] | None = None) -> Iterator[None]:
    """Show the results of a sweep that runs inside, however it ends.

    Args:
        show: prints what the folder of a sweep holds and returns whether a job failed; None ranks its runs.

    Raises:
        SystemExit: with status 1 when a job failed, with 130, as a shell reports it, after a Ctrl-C.
    """
    token, failed = _sweeps.set([]), False
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        for folder in _sweeps.get():
            failed |= (show or rank)(folder)
        _sweeps.reset(token)
    if failed:
        sys.exit(1)


def rank(sweep: Path) -> bool:
    """Rank the runs of a sweep; return whether one failed."""
    from gan_lab.sweep import results  # draws pictures: only a sweep waits for matplotlib

    return results.show(sweep)


def job(function: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """Wrap a command: within a sweep, write its failure to ``summary.json`` and return the job's `objective`."""

    @wraps(function)
    def run(cfg: DictConfig) -> Any:
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            return function(cfg)
        folder = RunFolder(HydraConfig.get().runtime.output_dir)
        holds_a_run = folder.metrics.is_file() and cfg.get("resume") is None  # it is refused and stays as it is
        try:
            function(cfg)
        except Exception as error:
            if holds_a_run:
                print(f"gan_lab: {sentence(error) or error}", file=sys.stderr)
            else:
                _write_failure(folder, cfg, error)
        return ranking.read(folder).objective

    return run


def _write_failure(folder: RunFolder, cfg: DictConfig, error: Exception) -> None:
    reason = sentence(error)
    if reason is None:  # not the user's input: whoever mends it needs the place
        reason = f"{type(error).__name__}: {error}"
        text = "".join(traceback.format_exception(error))
        atomic.write_text(folder.error, text)
        print(text, file=sys.stderr)
    folder.write_summary(folder.read_summary() | {"status": "failed", "error": reason} | ranking.metric(cfg))
    print(f"gan_lab: {folder.path} failed: {reason}", file=sys.stderr)
