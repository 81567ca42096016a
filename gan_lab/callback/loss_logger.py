"""Logs losses, logits and gradient norms at regular intervals, and stops a run whose losses are no longer finite."""

import math
from statistics import fmean
from typing import Any

import lightning as L
import torch
from torch import Tensor

from gan_lab.callback.divergence import failure
from gan_lab.model.gan import GAN
from gan_lab.ranges import Count
from gan_lab.training.cadence import row_is_due

NORM = "_gradient_norm"

Series = dict[str, dict[int, Tensor | float]]
"""Name -> step of D -> value: on the device, or a number that a checkpoint held."""


def log_row(trainer: L.Trainer, gan: GAN, row: dict[str, float]) -> None:
    """Send a row to every logger, with the clocks that are its axes, and to ``trainer.callback_metrics``."""
    trainer.callback_metrics.update({name: torch.tensor(value) for name, value in row.items()})
    clocks = {"images_seen": gan.images_seen, "g_steps_done": gan.g_steps_done, "d_steps_done": gan.d_steps_done}
    for logger in trainer.loggers:
        logger.log_metrics(clocks | row, step=gan.g_steps_done)


class LossLogger(L.Callback):
    """Logs a row every ``every_steps`` steps of D.

    A row has ``d_loss``, ``g_loss`` and each penalty by name, as means since the last row; ``d_real`` and ``d_fake`` (D's mean
    logits), ``d_gap`` (their difference, a critic's estimate of the distance), and with a decision threshold
    ``d_real_accuracy`` and ``d_fake_accuracy``, of the last batch; ``d_gradient_norm``, ``g_gradient_norm``, ``d_lr`` and
    ``g_lr``; with growth ``resolution`` and ``alpha``. Values stay on the device between rows, so a row costs one host sync.
    """

    def __init__(self, every_steps: Count = 50) -> None:
        self.every_steps = every_steps
        self.series: Series = {}
        self.logits: Series = {}  # those of a resumed run

    def on_train_batch_start(self, trainer: L.Trainer, gan: GAN, batch: Any, batch_idx: int) -> None:
        """Ask for the gradient norms of each network's first step after a row."""
        gan.tracks_gradients = any(f"{network.name}{NORM}" not in self.series for network in gan.networks)

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Keep this step's values; write a row when it is due."""
        for name, value in gan.tracked.items():
            if value.ndim == 0 and not (name.endswith(NORM) and name in self.series):
                self.series.setdefault(name, {})[gan.d_steps_done] = value
        if row_is_due(gan, self.every_steps):
            self._write(trainer, gan)

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Write a last row of the remaining values."""
        if self.series:
            self._write(trainer, gan)

    def on_save_checkpoint(self, trainer: L.Trainer, gan: GAN, checkpoint: dict[str, Any]) -> None:
        """Keep the values since the last row, so that the first row of a resumed run is a mean over as many steps."""
        checkpoint["losses"] = [read_out(self.series), read_out(self._last(gan))]

    def on_load_checkpoint(self, trainer: L.Trainer, gan: GAN, checkpoint: dict[str, Any]) -> None:
        """Go on with the values of the stopped run."""
        self.series, self.logits = (
            {name: dict(values) for name, values in series.items()} for series in checkpoint.get("losses", ({}, {}))
        )

    def _last(self, gan: GAN) -> Series:
        """Return the logits' statistics of the last batch, which may be one before the resume."""
        return {name: {gan.d_steps_done: value} for name, value in logit_statistics(gan).items()} or self.logits

    def _write(self, trainer: L.Trainer, gan: GAN) -> None:
        series = read_out(self.series | self._last(gan))
        self.series = {}
        if getattr(trainer.precision_plugin, "scaler", None):
            series = {name: values for name, values in series.items() if not _is_skipped(name, values)}
        check_finite(series, gan)
        row = {name: fmean(values.values()) for name, values in series.items()}
        for optimizer in trainer.optimizers:
            row[f"{gan.network_of(optimizer)}_lr"] = float(optimizer.param_groups[0]["lr"])
        if gan.level is not None:
            row |= {"resolution": gan.level.resolution, "alpha": gan.level.alpha}
        log_row(trainer, gan, row)


def read_out(series: Series) -> dict[str, dict[int, float]]:
    """Copy all tensors to the host in one sync."""
    tensors = [value.float() for values in series.values() for value in values.values() if isinstance(value, Tensor)]
    numbers = iter(torch.stack(tensors).tolist() if tensors else [])
    return {
        name: {step: next(numbers) if isinstance(value, Tensor) else value for step, value in values.items()}
        for name, values in series.items()
    }


def _is_skipped(name: str, values: dict[int, float]) -> bool:
    """Return whether this is an overflow, after which the 16-bit gradient scaler skips the step and lowers its scale."""
    return name.endswith(NORM) and not all(map(math.isfinite, values.values()))


def logit_statistics(gan: GAN) -> dict[str, Tensor]:
    """Summarise D's logits of the last batch: means, their gap and, with a decision threshold, accuracies.

    Nothing of a model whose own step does not track them.
    """
    if not {"real_logits", "fake_logits"} <= gan.tracked.keys():
        return {}
    real, fake = gan.tracked["real_logits"].float(), gan.tracked["fake_logits"].float()
    means = {"d_real": real.mean(), "d_fake": fake.mean(), "d_gap": real.mean() - fake.mean()}
    if gan.decision_threshold is None:
        return means
    correct = {"d_real_accuracy": (real > gan.decision_threshold), "d_fake_accuracy": (fake < gan.decision_threshold)}
    return means | {name: hits.float().mean() for name, hits in correct.items()}


def check_finite(series: dict[str, dict[int, float]], gan: GAN) -> None:
    """Stop at a loss or gradient that is not finite, naming the first one, which caused the others; D comes before G."""
    of_g = tuple(f"{network.name}_" for network in gan.networks_of("g"))
    bad = [
        (step, name.startswith(of_g) or name in gan.regularizers, name)
        for name, values in series.items()
        for step, value in values.items()
        if not math.isfinite(value)
    ]
    if not bad:
        return
    step, is_g, _ = min(bad)
    names = ", ".join(name for *place, name in bad if place == [step, is_g])
    raise failure(gan, is_g, f"{names} not finite", step)
