"""Stops a run at its length in images, after a number of hours, or at the first Ctrl-C."""

import signal
import threading
import time
from types import FrameType
from typing import Any

import lightning as L

from gan_lab.model.gan import GAN
from gan_lab.ranges import Count, NonNegative


class StopCondition(L.Callback):
    """Ends the run after the step that reaches a limit, with a last validation and a checkpoint.

    Args:
        max_images: length of the run, in real images that D sees.
        max_hours: wall-clock hours of this command; None: no limit.
    """

    def __init__(self, max_images: Count, max_hours: NonNegative | None = None) -> None:
        self.max_images, self.max_hours = max_images, max_hours
        self.interrupted = False

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Start the clock, and make the first Ctrl-C wait for the end of its step; a run at its length only ends."""
        self.started = time.monotonic()
        trainer.should_stop = gan.images_seen >= self.max_images
        if threading.current_thread() is threading.main_thread():
            self.former_handler = signal.signal(signal.SIGINT, self._interrupt)

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Restore the handler of Ctrl-C."""
        self._restore_handler()

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        """Restore the handler of Ctrl-C."""
        self._restore_handler()

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop when a limit is reached."""
        hours = (time.monotonic() - self.started) / 3600
        late = self.max_hours is not None and hours >= self.max_hours
        stop = trainer.should_stop or gan.images_seen >= self.max_images or late or self.interrupted
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(stop, all=False)  # any process stops all

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        self._restore_handler()  # the second Ctrl-C aborts at once

    def _restore_handler(self) -> None:
        handler = self.__dict__.pop("former_handler", None)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
