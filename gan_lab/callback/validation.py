"""Scores of the averaged generator at each validation, and D's overfitting."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from gan_lab.callback.loss_logger import log_row
from gan_lab.evaluation.metric.protocol import Metric
from gan_lab.model.gan import GAN


class Validation(L.Callback):
    """Feeds the metric with what `GAN.validation_step` returns and logs its scores as ``val/...``, in the end as ``final/...``.

    Also ``d_held_out`` and ``d_train``, D's mean scores of held-out and of as many training reals, both in evaluation mode,
    and ``d_overfit``, the gap between them: D's overfitting, never a score of G.

    Args:
        metric: the scores, or None.
    """

    def __init__(self, metric: Metric | None = None) -> None:
        self.metric = metric
        self.knows_reals = False
        self.scores: dict[str, float] = {}
        self.floor: dict[str, float] = {}

    def on_validation_epoch_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Forget the last fakes."""
        self.d_sums = torch.zeros(2, 2, dtype=torch.float64, device=gan.device)
        if self.metric:
            self.metric.to(gan.device)
            self.metric.reset()

    def on_validation_batch_end(
        self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Take one batch of held-out reals with fakes (loader 0) or of training reals (loader 1)."""
        scores: Tensor = outputs["real_logits"].double()
        self.d_sums[dataloader_idx] += torch.stack([scores.sum(), scores.new_tensor(len(scores))])
        if not self.metric:
            return
        if dataloader_idx == 0:
            self.metric.update(outputs["fake"], outputs["asked"])
        if self.knows_reals:
            return
        if dataloader_idx == 0:
            self.metric.update_held_out(outputs["real"], outputs["asked"])
        else:
            self.metric.update_reference(outputs["real"])

    def on_validation_epoch_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Compute and log."""
        self._finish(trainer, gan, "val")

    on_test_epoch_start = on_validation_epoch_start  # type: ignore[assignment]  # GAN for LightningModule
    on_test_batch_end = on_validation_batch_end  # type: ignore[assignment]

    def on_test_epoch_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Compute and log what the chosen checkpoint is worth."""
        self._finish(trainer, gan, "final")

    def _finish(self, trainer: L.Trainer, gan: GAN, prefix: str) -> None:
        sums = trainer.strategy.reduce(self.d_sums, reduce_op="sum")
        held_out, train = (sums[:, 0] / sums[:, 1]).tolist()
        self.scores = {"d_held_out": held_out, "d_train": train, "d_overfit": train - held_out}
        if self.metric:
            self.scores |= self.metric.compute()
            if not self.knows_reals:
                self.knows_reals, self.floor = True, self.metric.floor()
        log_row(trainer, gan, {f"{prefix}/{name}": value for name, value in self.scores.items()})
