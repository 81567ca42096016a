"""Running a sweep (``-m``): a job that fails ends alone, and when all have ended, they are ranked.

Nothing heavy is imported here, for Hydra imports this file before a command answers.
"""

import json
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_lab.cli.command import sentence
from gan_lab.sweep import ranking


class Sweep(Callback):
    """Learns from Hydra where a sweep lies; Hydra's own call at the end of a sweep does not come after an interruption.

    Attributes:
        folder: of the sweep that this process runs; None: it runs none.
    """

    folder: ClassVar[Path | None] = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Keep the folder for `report`."""
        Sweep.folder = Path(config.hydra.sweep.dir)


@contextmanager
def report() -> Iterator[None]:
    """Around a command: when a sweep ended, however it ended, show its results; the exit status is 1 if a job failed."""
    Sweep.folder, failed = None, False
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell reports a Ctrl-C
    finally:
        if Sweep.folder:
            failed = ranking.show(Sweep.folder)
    if failed:
        sys.exit(1)


def job(function: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """The function; within a sweep its failure is written to ``summary.json``, and what it returns is the `objective`."""

    @wraps(function)
    def run(cfg: DictConfig) -> Any:
        if HydraConfig.get().mode != RunMode.MULTIRUN:
            return function(cfg)
        folder = Path(HydraConfig.get().runtime.output_dir)
        try:
            function(cfg)
        except Exception as error:
            _write_failure(folder, cfg, error)
        return ranking.read(folder).objective

    return run


def _write_failure(folder: Path, cfg: DictConfig, error: Exception) -> None:
    reason = sentence(error)
    if reason is None:  # not the user's input: whoever mends it needs the place
        reason = f"{type(error).__name__}: {error}"
        text = "".join(traceback.format_exception(error))
        _write(folder / "error.txt", text)
        print(text, file=sys.stderr)
    content = ranking.summary(folder) | {"status": "failed", "error": reason} | ranking.metric(cfg)
    _write(folder / "summary.json", json.dumps(content, indent=2))
    print(f"gan_lab: {folder} failed: {reason}", file=sys.stderr)


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)
