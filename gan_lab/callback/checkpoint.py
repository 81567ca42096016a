"""last.ckpt, to go on from, and best.ckpt, to use."""

import math
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from gan_lab.model.gan import GAN
from gan_lab.ranges import Count, Text
from gan_lab.training import checkpoint
from gan_lab.training.cadence import is_due, validation_follows


class Checkpoint(L.Callback):
    """Write ``last.ckpt`` every so many images, after each validation and when the process is told to end.

    ``best.ckpt`` is the checkpoint with the best ``val/<primary>`` so far, of equal ones the latest; a value that is no number
    never wins. Both are written beside the former file and then take its place.

    Args:
        folder: of the two files.
        every_images: between two writes of ``last.ckpt``.
        primary: name of the quantity that chooses the best; None: there is no best.
        mode: whether it should be ``min`` or ``max``.
    """

    def __init__(self, folder: Text, every_images: Count, primary: str | None = None, mode: str | None = "min") -> None:
        self.folder, self.every_images = Path(folder), every_images
        self.primary, self.sign = primary, -1 if mode == "max" else 1
        self.best: float | None = None

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
        return self.last_path if self.best is None else self.best_path

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Make the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Save when it is due, but before a validation only after it: what goes on from a file has had it."""
        if is_due(trainer, gan, self.every_images) and not validation_follows(trainer):
            self._save(trainer, gan, self.last_path)

    def on_validation_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Save, as the best too if it is."""
        value = float(trainer.callback_metrics.get(f"val/{self.primary}", math.nan))
        if math.isfinite(value) and (self.best is None or self.sign * value <= self.sign * self.best):
            self.best = value
            self._save(trainer, gan, self.best_path)
        self._save(trainer, gan, self.last_path)

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        """Save on SIGTERM, which arrives between two steps; anything else may have torn a step: the last file stands."""
        if isinstance(exception, SIGTERMException) and trainer.state.fn == TrainerFn.FITTING:
            self._save(trainer, gan, self.last_path)

    def _save(self, trainer: L.Trainer, gan: GAN, path: Path) -> None:
        """Write, unless a weight is no number: the last good file stands, and `LossLogger` ends the run."""
        if torch.nn.utils.get_total_norm(list(gan.parameters())).isfinite():
            checkpoint.save(trainer, path)

    def state_dict(self) -> dict[str, Any]:
        """Keep the best value for a resumed run."""
        return {"best": self.best, "primary": self.primary, "folder": str(self.folder)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the best value, if it is one of this folder and of the same quantity."""
        if (state["primary"], state["folder"]) == (self.primary, str(self.folder)):
            self.best = state["best"]
