"""Cadences in images: which steps are due."""

import math

from lightning import Trainer

from gan_lab.model.gan import GAN


def steps(global_batch: int, every_images: int) -> int:
    """Return the number of batches, of ``global_batch`` real images over all ranks, in ``every_images``.

    Rounded up, so that the tenth tenth of a run falls on its end and not just before it.
    """
    return math.ceil(every_images / global_batch)


def is_due(trainer: Trainer, gan: GAN, every_images: int) -> bool:
    """Return whether the last batch ends such an interval: a function of position, so that a resumed run agrees."""
    global_batch = trainer.datamodule.batch_size * trainer.world_size  # type: ignore[attr-defined]  # `fit` sets it
    interval = steps(global_batch, every_images) * global_batch
    return gan.images_seen // interval > (gan.images_seen - global_batch) // interval


def validation_follows(trainer: Trainer) -> bool:
    """Return whether the trainer validates after the last batch, once all callbacks have seen it."""
    batches = trainer.fit_loop.epoch_loop.total_batch_idx + 1
    due = trainer.should_stop or (trainer.val_check_batch is not None and batches % trainer.val_check_batch == 0)
    return trainer.enable_validation and due


def row_is_due(gan: GAN, every_steps: int) -> bool:
    """Return whether a step of the last batch ends an interval of ``every_steps`` steps of D."""
    return gan.d_steps_done // every_steps > (gan.d_steps_done - gan.steps_of_batch) // every_steps
