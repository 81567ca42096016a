"""Metrics of the averaged generator at each validation, and D's overfitting."""

import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor

from gan_lab.callback.loss_logger import log_row
from gan_lab.data.module import Data
from gan_lab.errors import InputError
from gan_lab.evaluation.features import FeatureCollector, stats_device
from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.processes import everyone
from gan_lab.evaluation.source import quantised
from gan_lab.evaluation.suite import MetricSuite
from gan_lab.model.gan import GAN

HELD_OUT, TRAIN = 0, 1
"""The two loaders of a validation."""


class Validation(L.Callback):
    """Judge what `GAN.validation_step` returns; log the values as ``val/...``, those of the chosen checkpoint as ``final/...``.

    The samples are compared with training reals. Also ``d_held_out`` and ``d_train``, D's mean logits of held-out and as many
    training reals, both in evaluation mode, and ``d_overfit``, the gap between them: D's overfitting, never a metric of G.

    Args:
        suite: metrics and extractors; None: only D's means.

    Attributes:
        values: of the last validation, the same on all processes.
        baseline: the same for held-out reals.
        protocol: what a reader must know to compare the values with others.
    """

    def __init__(self, suite: MetricSuite | None = None) -> None:
        self.suite = suite or MetricSuite()
        self.reals: list[dict[int, Features]] = []  # of each extractor, by loader: once per run
        self.values: dict[str, float] = {}
        self.baseline: dict[str, float] = {}
        self.protocol: dict[str, Any] = {}

    def check(self, data: Data) -> None:
        """Refuse, before training, metrics that cannot be computed in it."""
        self.suite.check(data, has_images=False)
        n = data.num_evaluated
        counts = {"samples": n, "reference images": min(n, data.num_train), "held-out images": n}
        self.suite.check_counts(counts, "judge more (data.num_judged=), or choose metric=none")

    @torch.no_grad()
    def seconds_per_image(self, gan: GAN, data: Data) -> float:
        """Measure how long the extractors take to see an image, by a few: weeks of judging are better known beforehand."""
        device = stats_device(gan.device)
        self.suite.to(device)
        n, times = (64, 2) if device.type == "cuda" else (2, 1)  # a GPU chooses its kernels at the first
        images = torch.stack([data.train_set[index % data.num_train][0] for index in range(n)])
        images = quantised(data.to_floats(images)).to(device)
        for _ in range(times):
            start = time.perf_counter()
            for extractor in self.suite.extractors:
                extractor(images)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
        return (time.perf_counter() - start) / n

    def on_validation_epoch_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Forget the last samples."""
        device = stats_device(gan.device)
        self.suite.to(device)
        self.d_sums = torch.zeros(2, 2, dtype=torch.float64, device=device)  # of logits and their number, by loader
        self.fakes = [FeatureCollector(extractor, device) for extractor in self.suite.extractors]
        self.new_reals = [
            {loader: FeatureCollector(extractor, device) for loader in (HELD_OUT, TRAIN)}
            for extractor in (() if self.reals else self.suite.extractors)
        ]

    def on_validation_batch_end(
        self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Take one batch of held-out reals with fakes, or of training reals."""
        if not outputs:
            raise InputError(
                f"{type(gan).__name__}.validation_step returned nothing, so there is nothing to judge: end it with "
                "return super().validation_step(batch, batch_idx, dataloader_idx)"
            )
        logits: Tensor = outputs["real_logits"].to(self.d_sums)
        self.d_sums[dataloader_idx] += torch.stack([logits.sum(), logits.new_tensor(len(logits))])
        for collectors in self.new_reals:
            collectors[dataloader_idx].add(quantised(outputs["real"]), batch[1] if gan.num_classes else None)
        for fakes in self.fakes if dataloader_idx == HELD_OUT else ():
            fakes.add(quantised(outputs["fake"]), outputs["asked"])

    def on_validation_epoch_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Compute and log."""
        self._finish(trainer, gan, "val")

    on_test_epoch_start = on_validation_epoch_start  # type: ignore[assignment]  # GAN for LightningModule
    on_test_batch_end = on_validation_batch_end  # type: ignore[assignment]

    def on_test_epoch_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Compute and log the values of the chosen checkpoint."""
        self._finish(trainer, gan, "final")

    @torch.inference_mode(False)  # a metric may want gradients
    @torch.no_grad()
    def _finish(self, trainer: L.Trainer, gan: GAN, prefix: str) -> None:
        sums = torch.stack(everyone(self.d_sums.cpu())).sum(0)
        held_out, train = (sums[:, 0] / sums[:, 1]).tolist()
        self.values = {"d_held_out": held_out, "d_train": train, "d_overfit": train - held_out}
        if self.suite:
            is_first = not self.reals
            self.reals = self.reals or [{loader: each.result() for loader, each in both.items()} for both in self.new_reals]
            inputs = self._inputs(trainer, gan)
            self.values |= self.suite.values(inputs)
            if is_first:
                self.baseline = self.suite.baseline(inputs)
                self.protocol = self._protocol(inputs)
        judged = {"images_seen": gan.images_seen} if prefix == "final" else {}  # the checkpoint, which may lie behind
        log_row(trainer, gan, {f"{prefix}/{name}": value for name, value in (judged | self.values).items()})

    def _inputs(self, trainer: L.Trainer, gan: GAN) -> list[EvalInputs]:
        folder, data = Path(trainer.default_root_dir), trainer.datamodule  # type: ignore[attr-defined]  # `fit` sets it
        return [
            EvalInputs(fakes.result(), reals[TRAIN], reals[HELD_OUT], fakes.extractor, folder, gan, data, gan.seed)
            for fakes, reals in zip(self.fakes, self.reals, strict=True)
        ]

    def _protocol(self, inputs: list[EvalInputs]) -> dict[str, Any]:
        sample, reference, held_out = inputs[0].sample, inputs[0].reference, inputs[0].held_out
        counts = {"n_reference": len(reference), "n_fake": len(sample), "n_held_out": len(held_out or ())}
        notes = self.suite.notes(inputs, len(sample))
        return self.suite.protocol() | {"reference": "train", **counts, "notes": notes}
