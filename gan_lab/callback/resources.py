"""resources.csv: images per second and memory over the length of a run."""

from typing import Any

import lightning as L
from lightning.pytorch.utilities import rank_zero_only

from gan_lab.callback.summary import peak_memory
from gan_lab.logger.csv import CsvLogger
from gan_lab.model.gan import GAN
from gan_lab.ranges import Count, Text
from gan_lab.run_folder import RunFolder
from gan_lab.training.cadence import row_is_due
from gan_lab.training.pace import Pace


class Resources(L.Callback):
    """Record images per second of training since the last row, and the peak memory of the GPU or of this process on a CPU.

    They are no columns of metrics.csv, whose rows are the same for the same seed; dashboards get them too. Judging is left
    out of the time.

    Args:
        folder: the run folder.
        every_steps: D's steps between two rows, as given to `LossLogger`, after whose row a GPU has done all steps.
    """

    def __init__(self, folder: Text, every_steps: Count = 50) -> None:
        self.path, self.every_steps = RunFolder(folder).resources, every_steps

    @rank_zero_only
    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Drop the rows that a resumed run will write again, and start the clock."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.rows = CsvLogger(self.path, resumed_at=gan.images_seen)
        self.pace = Pace(0)
        self.pace.start(gan.images_seen)

    @rank_zero_only
    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Write a row when it is due."""
        if row_is_due(gan, self.every_steps):
            self._write(trainer, gan)

    @rank_zero_only
    def on_validation_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Stop the clock."""
        self.pace.pause()

    @rank_zero_only
    def on_validation_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Go on."""
        self.pace.resume()

    @rank_zero_only
    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Write a last row of the remaining steps."""
        if gan.images_seen > self.pace.first_image:
            self._write(trainer, gan)

    def _write(self, trainer: L.Trainer, gan: GAN) -> None:
        rate, memory = self.pace.rate(gan.images_seen), peak_memory(gan.device) / 2**20
        row = {"images_seen": gan.images_seen, "images_per_second": round(rate, 1), "peak_memory_mib": round(memory)}
        self.rows.log_metrics(row)
        for logger in trainer.loggers:
            if not isinstance(logger, CsvLogger):
                logger.log_metrics(row, step=gan.g_steps_done)
        self.pace.start(gan.images_seen)
