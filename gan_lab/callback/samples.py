"""Samples of the same latents over training, so that they are comparable."""

from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from gan_lab.data.module import Data
from gan_lab.data.pixels import to_unit
from gan_lab.errors import InputError
from gan_lab.evaluation.source import Reals, look
from gan_lab.model.gan import GAN
from gan_lab.plot.display import Display, Pictures
from gan_lab.plot.picture import NO_TARGET, Target
from gan_lab.ranges import Count, Size, Text
from gan_lab.training.cadence import is_due


class Samples(L.Callback):
    """Writes ``<folder>/<images seen>.png`` from fixed latents by the averaged generator: first, last, when due, at each level.

    Before them it writes ``reals.png``, training samples in the form in which the networks see them.

    Args:
        folder: folder of the files.
        every_images: real images between two files.
        n: samples per file; more where their kind needs more.
        display: writes them: pictures, or text with another suffix; None: pictures.
    """

    def __init__(self, folder: Text, every_images: Count, n: Size = 64, display: Display | None = None) -> None:
        self.folder, self.every_images, self.n, self.display = Path(folder), every_images, n, display or Pictures()
        self.written_at: int | None = None

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Write the reals, and the first file."""
        data = getattr(trainer, "datamodule", None)
        if isinstance(data, Data):
            self._write_reals(data)
        self._write(trainer, gan)

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Write a file when it is due."""
        if is_due(trainer, gan, self.every_images) or gan.level_ends:
            self._write(trainer, gan)

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Write the last file."""
        self._write(trainer, gan)

    def _shown(self, gan: GAN, data: Data | None) -> tuple[Tensor, Target]:
        """Return the samples of a file, and held-out reals and the centres of their modes where it shows them beside."""
        shape = tuple(gan.sample(1).shape[1:])
        if isinstance(data, Data) and shape != data.shape:
            raise InputError(
                f"G makes samples of {'x'.join(map(str, shape))}, where the data are {'x'.join(map(str, data.shape))}: let its "
                "forward return (N, *data.shape)"
            )
        samples = gan.preview(self.n * self.display.crowd(shape))
        if not self.display.compares(shape) or data is None:
            return samples, NO_TARGET
        reals = Reals(data, "held_out", len(samples))
        return samples, Target(look(reals, range(len(reals))), getattr(data.layout, "centers", None))

    @rank_zero_only
    def _write_reals(self, data: Data) -> None:
        path = self.folder / f"reals{self.display.suffix}"
        if path.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        samples, centres = data.survey.samples, getattr(data.layout, "centers", None)
        self.display.save(to_unit(samples) if samples.dtype == torch.uint8 else samples, path, target=Target(centres=centres))

    @rank_zero_only
    def _write(self, trainer: L.Trainer, gan: GAN) -> None:
        if gan.images_seen == self.written_at:
            return
        self.written_at, path = gan.images_seen, self.folder / f"{gan.images_seen:010d}{self.display.suffix}"
        self.folder.mkdir(parents=True, exist_ok=True)
        samples, target = self._shown(gan, getattr(trainer, "datamodule", None))
        self.display.save(samples, path, gan.columns, target)
        for logger in trainer.loggers:
            self.display.log(logger, path, {"images_seen": gan.images_seen, "g_steps_done": gan.g_steps_done})
