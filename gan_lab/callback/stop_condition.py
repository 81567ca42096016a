"""When a run ends: at its length in images, after its hours, or at the first Ctrl-C."""

import signal
import threading
import time
from types import FrameType
from typing import Any

import lightning as L

from gan_lab.model.gan import GAN


class StopCondition(L.Callback):
    """Ends the run after the step in which a limit is reached, with a last validation and a checkpoint.

    Args:
        max_images: real images that D sees.
        max_hours: of wall-clock time in this command; None: no limit.
    """

    def __init__(self, max_images: int, max_hours: float | None = None) -> None:
        self.max_images, self.max_hours = max_images, max_hours
        self.interrupted = False

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Start the clock, and let the first Ctrl-C end the step that it falls into instead of tearing it."""
        self.started = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            self.former_handler = signal.signal(signal.SIGINT, self._interrupt)

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Give Ctrl-C back its meaning."""
        self._give_back()

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        """Give Ctrl-C back its meaning."""
        self._give_back()

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Ask for the end when a limit is reached."""
        hours = (time.monotonic() - self.started) / 3600
        late = self.max_hours is not None and hours >= self.max_hours
        stop = trainer.should_stop or gan.images_seen >= self.max_images or late or self.interrupted
        trainer.should_stop = trainer.strategy.reduce_boolean_decision(stop, all=False)  # all processes or none

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        self._give_back()  # the second Ctrl-C aborts at once

    def _give_back(self) -> None:
        handler = self.__dict__.pop("former_handler", None)
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
