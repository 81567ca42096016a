"""TensorBoard logger: scalars and pictures over images seen, the configuration as text and hparams."""

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
from gan_lab.logger.clocks import Clocked
from gan_lab.logger.run import RunDescription
from gan_lab.logger.sections import CLOCKS, section


class TensorBoard(Clocked, TensorBoardLogger):
    """A run whose steps are images seen, so that curves of different batch sizes compare."""

    latest = 0

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write a row in sections; the clocks are the axis, which never falls: the checkpoint judged last may lie behind."""
        clocked = self.clocked(metrics)
        row = {section(name): value for name, value in clocked.items() if name not in CLOCKS}
        self.latest = max(self.latest, int(clocked.get("images_seen", step or 0)))
        super().log_metrics(row, self.latest)

    @rank_zero_only
    def log_picture(self, name: str, path: Path, clocks: dict[str, float]) -> None:
        """Log a picture file at these clocks."""
        with Image.open(path, formats=["PNG"]) as image:
            pixels = np.asarray(image.convert("RGB"))
        self.experiment.add_image(name, pixels, clocks["images_seen"], dataformats="HWC")

    @rank_zero_only
    def log_lines(self, name: str, lines: list[str], clocks: dict[str, float]) -> None:
        """Log lines as a block of Markdown code at these clocks."""
        self.experiment.add_text(name, "\n".join(f"    {line}" for line in lines), clocks["images_seen"])

    @rank_zero_only
    def log_run(self, run: RunDescription) -> None:
        """Log the configuration as text, and its choices as hparams with the primary metric."""
        from torch.utils.tensorboard.summary import hparams  # tensorboard is an optional dependency

        self.experiment.add_text("config", f"```\n{OmegaConf.to_yaml(run.config)}\n```", run.resumed_at)
        primary = run.config.get("primary")
        shown = {f"{stage}/{primary}": 0.0 for stage in ("val", "final") if primary}  # names only: the rows have the values
        for summary in hparams(run.choices, shown):
            self.experiment.file_writer.add_summary(summary)

    def save(self) -> None:
        """Do nothing: Lightning would write an hparams.yaml, which config.yaml makes redundant."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Flush, and leave the file open for the rows of the final judgement: two files of one second sort anyhow."""
        self.experiment.flush()

    @rank_zero_only
    def close(self) -> None:
        """Flush and close the event file."""
        self.experiment.close()

    def where(self) -> str:
        """Return the command that shows this run."""
        return f"tensorboard --logdir {shlex.quote(self.save_dir)}"


def tensorboard_logger(run: RunDescription) -> TensorBoard:
    """Log to the run folder's ``tensorboard``; a resumed run continues there, without the rows that it will write again."""
    if not find_spec("tensorboard"):
        raise InputError("logger=tensorboard needs the package tensorboard: pip install 'gan_lab[tensorboard]'")
    logger = TensorBoard(run.folder, name="", version="tensorboard", purge_step=run.resumed_at + 1, flush_secs=10)
    logger.log_run(run)
    return logger
