"""last.ckpt, to go on from, and best.ckpt, to use."""

import math
import shutil
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from gan_lab import atomic
from gan_lab.callback import divergence
from gan_lab.model.gan import GAN
from gan_lab.ranges import Count, Text
from gan_lab.run_folder import RunFolder
from gan_lab.training import checkpoint
from gan_lab.training.cadence import is_due, validation_follows


class Checkpoint(L.Callback):
    """Write ``last.ckpt`` every so many images, after each validation and when the process is told to end.

    ``best.ckpt`` is the checkpoint with the best ``val/<primary>`` so far, of equal ones the latest; a value that is no number
    never wins. Both are written beside the former file and then take its place, and never with a value that is not finite.

    Args:
        folder: of the two files.
        every_images: between two writes of ``last.ckpt``.
        primary: name of the quantity that chooses the best; None: there is no best.
        mode: whether it should be ``min`` or ``max``.
        keep: number of the latest checkpoints to keep as ``<images seen>.ckpt`` too: what ``resume=auto`` goes on from when
            ``last.ckpt`` is damaged.
    """

    def __init__(
        self, folder: Text, every_images: Count, primary: str | None = None, mode: str | None = "min", keep: int = 0
    ) -> None:
        self.folder, self.every_images, self.keep = Path(folder), every_images, keep
        self.primary, self.sign = primary, -1 if mode == "max" else 1
        self.best: float | None = None
        self.owes_validation = False  # whether the run was stopped within one

    @property
    def last_path(self) -> Path:
        """The file to go on from."""
        return self.folder / "last.ckpt"

    @property
    def best_path(self) -> Path:
        """The file to use."""
        return self.folder / "best.ckpt"

    @property
    def objective(self) -> float | None:
        """The best value for a search, lower is better; None: there is none."""
        return None if self.best is None else self.sign * self.best

    @property
    def chosen_path(self) -> Path:
        """The best of this run, or the last where none was chosen."""
        return self.best_path if self.best is not None and self.best_path.is_file() else self.last_path

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Make the folder; validate if the run was stopped within a validation: Lightning would leave it out."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.owes_validation:
            self.owes_validation, trainer.validating = False, True
            trainer.fit_loop.epoch_loop.val_loop.restarting = False
            trainer.fit_loop.epoch_loop.val_loop.run()
            trainer.training = True

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save when it is due, but before a validation only after it: what goes on from a file has had it."""
        if is_due(trainer, gan, self.every_images) and not validation_follows(trainer):
            divergence.check(trainer, gan)
            self._save_last(trainer, gan)

    def on_validation_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Save, as the best too if it is."""
        divergence.check(trainer, gan)
        value = float(trainer.callback_metrics.get(f"val/{self.primary}", math.nan))
        if math.isfinite(value) and (self.best is None or self.sign * value <= self.sign * self.best):
            self.best = value
            checkpoint.save(trainer, self.best_path)
        self._save_last(trainer, gan)

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        """Save on SIGTERM, which arrives between two steps; anything else may have torn a step: the last file stands."""
        if (
            isinstance(exception, SIGTERMException)
            and trainer.state.fn == TrainerFn.FITTING
            and divergence.is_finite(trainer, gan)
        ):
            self.owes_validation = trainer.validating
            self._save_last(trainer, gan)

    def _save_last(self, trainer: L.Trainer, gan: GAN) -> None:
        """Write ``last.ckpt`` and a copy, which shares no bytes with it, for the history; drop what is beyond it or too old."""
        checkpoint.save(trainer, self.last_path)
        if not self.keep or not trainer.is_global_zero:
            return
        with atomic.replacing(self.folder / f"{gan.images_seen:010d}.ckpt") as partial:
            shutil.copyfile(self.last_path, partial)
        history = RunFolder(self.folder.parent).history()
        kept = [images for images in history if images <= gan.images_seen][-self.keep :]
        for images in history.keys() - kept:
            history[images].unlink(missing_ok=True)

    def state_dict(self) -> dict[str, Any]:
        """Keep the best value for a resumed run."""
        return {
            "best": self.best,
            "primary": self.primary,
            "folder": str(self.folder),
            "owes_validation": self.owes_validation,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the best value, if it is one of this folder and of the same quantity."""
        self.owes_validation = state.get("owes_validation", False)
        if (state["primary"], state["folder"]) == (self.primary, str(self.folder)):
            self.best = state["best"]
