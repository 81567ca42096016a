"""A run that is killed: at a moment of its own choice, or from outside."""

import os
import signal
from pathlib import Path

import pytest

from gan_lab.callback.loss_logger import LossLogger
from gan_lab.callback.summary import Summary
from gan_lab.callback.validation import Validation
from gan_lab.logger.csv import CsvLogger
from tests.tiny import train_into

MOMENTS = {
    "a step": (LossLogger, "on_train_batch_end"),
    "a row": (CsvLogger, "log_metrics"),
    "a checkpoint": (Path, "write_bytes"),
    "a validation": (Validation, "on_validation_batch_end"),
    "its end": (Validation, "on_validation_epoch_end"),
    "the judgement": (Validation, "on_test_batch_end"),
    "the summary": (Summary, "on_test_end"),
}
"""The method that a run is in when it is killed."""


def run(folder: Path, overrides: list[str], moment: str | None = None, calls: int = 0) -> None:
    """Train, or go on, until this call of the moment's method, which is half done."""
    with pytest.MonkeyPatch.context() as patch:
        if moment:
            kill_in(patch, *MOMENTS[moment], calls)
        train_into(folder, *overrides, "resume=auto")


def kill_in(patch, owner, name, calls):
    method, left = getattr(owner, name), [calls]

    def killed(self, *args, **options):
        if left[0] == 0:
            if owner is Path:
                method(self, bytes(args[0])[: len(args[0]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return method(self, *args, **options)

    patch.setattr(owner, name, killed)
