"""TensorBoard through Lightning's logger: scalars and pictures over images seen, the configuration as text and hparams."""

import shlex
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import OmegaConf
from PIL import Image

from gan_lab.errors import InputError
from gan_lab.logger.run import Run
from gan_lab.logger.sections import CLOCKS, section


class TensorBoard(TensorBoardLogger):
    """A run whose steps are images seen, so that curves of different batch sizes compare."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write a row, in sections. The clocks are its axis and no curves."""
        row = {section(name): value for name, value in metrics.items() if name not in CLOCKS}
        super().log_metrics(row, int(metrics["images_seen"]) if "images_seen" in metrics else step)

    @rank_zero_only
    def log_picture(self, name: str, path: Path, clocks: dict[str, float]) -> None:
        """Show a picture file at this position."""
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        self.experiment.add_image(name, pixels, clocks["images_seen"], dataformats="HWC")

    @rank_zero_only
    def log_run(self, run: Run) -> None:
        """The configuration as text; its choices as hparams, beside the score that chooses the best."""
        from torch.utils.tensorboard.summary import hparams

        self.experiment.add_text("config", f"```\n{OmegaConf.to_yaml(run.config)}\n```", run.resumed_at)
        primary = run.config.get("primary")
        shown = {f"{stage}/{primary}": 0.0 for stage in ("val", "final") if primary}  # names only: the rows have the values
        for summary in hparams(run.config["choices"], shown):
            self.experiment.file_writer.add_summary(summary)

    def save(self) -> None:
        """Nothing: Lightning would write an hparams.yaml, and config.yaml says it all."""

    @rank_zero_only
    def close(self) -> None:
        """Write what is still in memory."""
        self.experiment.close()

    def where(self) -> str:
        """The one command that shows this run."""
        return f"tensorboard --logdir {shlex.quote(self.save_dir)}"


def tensorboard_logger(run: Run) -> TensorBoard:
    """Start to record in the run folder's ``tensorboard``, or go on there without what will be seen again."""
    if not find_spec("tensorboard"):
        raise InputError("logger=tensorboard needs a package that is not installed: pip install 'gan_lab[tensorboard]'")
    logger = TensorBoard(run.folder, name="", version="tensorboard", purge_step=run.resumed_at + 1, flush_secs=10)
    logger.log_run(run)
    return logger
