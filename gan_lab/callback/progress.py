"""Progress on the console: what to expect, then a bar on a terminal, otherwise a line now and then."""

import time
from datetime import datetime, timedelta
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from gan_lab.callback.stop_condition import StopCondition
from gan_lab.callback.summary import peak_memory
from gan_lab.callback.validation import Validation
from gan_lab.cli.words import count
from gan_lab.model.gan import GAN
from gan_lab.ranges import Count, NonNegative
from gan_lab.training.pace import NETWORK_SHARE, Pace, duration

SHOWN = ("d_loss", "g_loss")
WARMUP, MEASURED = (5, 1.0), (20, 3.0)
"""Steps and seconds, both from the start, after which an estimate is begun and made."""


class Progress(L.Callback):
    """Shows after a few seconds how long the run will take, then losses, images per second, time left and metrics.

    Args:
        max_images: length of the run, in real images that D sees.
        plain_seconds: seconds between two lines without a terminal.
    """

    def __init__(self, max_images: Count, plain_seconds: NonNegative = 10.0) -> None:
        self.max_images, self.plain_seconds = max_images, plain_seconds
        self.console = Console(markup=False, emoji=False)
        self.bar: Bar | None = None
        self.pace, self.sample = Pace(max_images), Pace(max_images)

    @rank_zero_only
    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Print the sizes of the networks and show the bar."""
        counts = {name: sum(p.numel() for p in net.parameters()) for name, net in _networks(gan).items()}
        self.console.print(", ".join(f"{name} {count:,} parameters" for name, count in counts.items()), highlight=False)
        self.pace.start(gan.images_seen)
        self.shown, self.steps, self.is_warm, self.is_estimated = self.pace.started, 0, False, False
        if self.console.is_terminal:
            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("images {task.fields[state]}", markup=False))
            self.bar = Bar(*columns, console=self.console)
            self.task = self.bar.add_task("", total=self.max_images, completed=gan.images_seen, state="")
            self.bar.start()

    @rank_zero_only
    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Update the bar, at most ten times a second, or print a line; estimate once."""
        self.steps += 1
        if not self.is_estimated:
            self._measure(trainer, gan)
        now = time.monotonic()
        if now - self.shown < (0.1 if self.bar else self.plain_seconds):
            return
        self.shown = now
        state = f"{self._state(trainer, gan)}, {duration(self._left(trainer, gan))} left"
        if self.bar:
            self.bar.update(self.task, completed=min(gan.images_seen, self.max_images), state=state)
        else:
            self.console.print(f"{gan.images_seen:,}/{self.max_images:,} images {state}", highlight=False)

    @rank_zero_only
    def on_validation_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Stop the clock of training."""
        self.pace.pause()
        self.is_estimated = True  # it would measure both at once

    @rank_zero_only
    def on_validation_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Print the metrics of this validation."""
        self.pace.resume()
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

    def _measure(self, trainer: L.Trainer, gan: GAN) -> None:
        """Begin to measure after the warm-up, and print the estimate when it stands."""
        steps, seconds = MEASURED if self.is_warm else WARMUP
        if self.steps < steps or self.pace.seconds < seconds:
            return
        if gan.device.type == "cuda":
            torch.cuda.synchronize(gan.device)  # twice in a run: a GPU lags behind its steps
        if self.is_warm:
            self.is_estimated = True
            self.console.print(self._estimate(trainer, gan), highlight=False, soft_wrap=True)
        else:
            self.is_warm = True
            self.sample.start(gan.images_seen)

    def _estimate(self, trainer: L.Trainer, gan: GAN) -> str:
        """Say what to expect of the rest of the run: speed, time, end and memory."""
        rate, memory = self.sample.rate(gan.images_seen), peak_memory(gan.device) / 2**20
        left, judged = self.sample.training_left(gan.images_seen), ""
        if n := _validations_left(trainer, gan, self.max_images):
            validation = next(each for each in trainer.callbacks if isinstance(each, Validation))  # type: ignore[attr-defined]
            samples = trainer.datamodule.num_evaluated / trainer.world_size  # type: ignore[attr-defined]
            extraction = validation.seconds_per_image(gan, trainer.datamodule)  # type: ignore[attr-defined]
            each = samples * (NETWORK_SHARE / rate * trainer.world_size + extraction)
            left += n * each + 2 * samples * extraction  # the reals, once
            judged = f", of which {duration(n * each + 2 * samples * extraction)} to judge it {count(n, 'time')}"
        left = min(left, _limit(trainer))
        of = "of the GPU" if gan.device.type == "cuda" else "of this process"
        size = " at this resolution" if gan.level is not None else ""
        end = f"{datetime.now() + timedelta(seconds=left):%Y-%m-%d %H:%M}"
        return f"{'expect':<11}{rate:,.0f} images/s{size}, {duration(left)} to the end at {end}{judged}; {memory:,.0f} MiB {of}"

    def _left(self, trainer: L.Trainer, gan: GAN) -> float:
        judging = self.pace.judging_left(_validations_left(trainer, gan, self.max_images))
        return min(self.pace.training_left(gan.images_seen) + judging, _limit(trainer))

    def _state(self, trainer: L.Trainer, gan: GAN) -> str:
        losses = [f"{name} {float(trainer.callback_metrics[name]):.3f}" for name in SHOWN if name in trainer.callback_metrics]
        return "  ".join([*losses, f"{self.pace.rate(gan.images_seen):.0f} images/s"])


def _validations_left(trainer: L.Trainer, gan: GAN, total_images: int) -> int:
    """Return how often the run will still be judged, the chosen checkpoint at its end included."""
    if not trainer.enable_validation or not any(isinstance(each, Validation) for each in trainer.callbacks):  # type: ignore[attr-defined]
        return 0
    interval = (trainer.val_check_batch or 1) * trainer.datamodule.batch_size * trainer.world_size  # type: ignore[attr-defined]
    at_intervals = total_images // int(interval) - gan.images_seen // int(interval)
    return max(0, at_intervals) + bool(total_images % int(interval)) + 1


def _limit(trainer: L.Trainer) -> float:
    """Return the seconds until ``max_hours`` end the run."""
    stop = next((each for each in trainer.callbacks if isinstance(each, StopCondition)), None)  # type: ignore[attr-defined]
    if stop is None or stop.max_hours is None:
        return float("inf")
    return max(0.0, stop.max_hours * 3600 - (time.monotonic() - stop.started))


def _networks(gan: GAN) -> dict[str, Any]:
    named = {"g": "generator", "d": "discriminator"}
    return {named.get(network.name, network.name): network.module for network in gan.trained_networks()}
