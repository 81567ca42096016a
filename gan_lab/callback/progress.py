"""Progress on the console: a bar on a terminal, otherwise a line now and then."""

import time
from typing import Any

import lightning as L
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from gan_lab.model.gan import GAN
from gan_lab.ranges import Count, NonNegative

SHOWN = ("d_loss", "g_loss")


class Progress(L.Callback):
    """Shows both losses, images per second and time left, and the metrics of each validation.

    Args:
        max_images: length of the run, in real images that D sees.
        plain_seconds: seconds between two lines without a terminal.
    """

    def __init__(self, max_images: Count, plain_seconds: NonNegative = 10.0) -> None:
        self.max_images, self.plain_seconds = max_images, plain_seconds
        self.console = Console(markup=False, emoji=False)
        self.bar: Bar | None = None

    @rank_zero_only
    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Print the sizes of the networks and show the bar."""
        counts = {name: sum(p.numel() for p in net.parameters()) for name, net in _networks(gan).items()}
        self.console.print(", ".join(f"{name} {count:,} parameters" for name, count in counts.items()), highlight=False)
        self.first_image, self.started = gan.images_seen, time.monotonic()
        self.shown = self.started
        if self.console.is_terminal:
            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("images {task.fields[state]}", markup=False),
                TimeRemainingColumn(),
            )
            self.bar = Bar(*columns, console=self.console)
            self.task = self.bar.add_task("", total=self.max_images, completed=gan.images_seen, state="")
            self.bar.start()

    @rank_zero_only
    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Update the bar, at most ten times a second, or print a line."""
        now = time.monotonic()
        if now - self.shown < (0.1 if self.bar else self.plain_seconds):
            return
        self.shown = now
        if self.bar:
            self.bar.update(self.task, completed=gan.images_seen, state=self._state(trainer, gan))
        else:
            rate = self._rate(gan)
            left = (self.max_images - gan.images_seen) / rate
            line = f"{gan.images_seen:,}/{self.max_images:,} images {self._state(trainer, gan)}, {left:.0f} s left"
            self.console.print(line, highlight=False)

    @rank_zero_only
    def on_validation_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Print the metrics of this validation."""
        metrics = {name: float(v) for name, v in trainer.callback_metrics.items() if name.startswith("val/")}
        text = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self.console.print(f"{gan.images_seen:,} images  {text}", highlight=False)

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Remove the bar."""
        self._stop()

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        """Remove the bar."""
        self._stop()

    def _stop(self) -> None:
        if self.bar:
            self.bar.stop()
            self.bar = None

    def _rate(self, gan: GAN) -> float:
        return max(1, gan.images_seen - self.first_image) / (time.monotonic() - self.started)

    def _state(self, trainer: L.Trainer, gan: GAN) -> str:
        losses = [f"{name} {float(trainer.callback_metrics[name]):.3f}" for name in SHOWN if name in trainer.callback_metrics]
        return "  ".join([*losses, f"{self._rate(gan):.0f} images/s"])


def _networks(gan: GAN) -> dict[str, Any]:
    named = {"g": "generator", "d": "discriminator"}
    return {named.get(network.name, network.name): network.module for network in gan.trained_networks()}
