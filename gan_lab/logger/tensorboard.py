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
from gan_lab.logger.sections import CLOCKS, FINAL, section


class TensorBoard(Clocked, TensorBoardLogger):
    """A run whose steps are images seen, so that curves of different batch sizes compare."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write a row in sections over images seen."""
        final = {name.removeprefix(FINAL): value for name, value in metrics.items() if name.startswith(FINAL)}
        if final:
            self._log_final(final)
            return
        clocked = self.clocked(metrics)
        row = {section(name): value for name, value in clocked.items() if name not in CLOCKS}
        super().log_metrics(row, int(clocked.get("images_seen", step or 0)))

    def _log_final(self, values: dict[str, float]) -> None:
        """Write the values of the chosen checkpoint as a run of its own, a point in each chart of ``val``."""
        from torch.utils.tensorboard import SummaryWriter

        images_seen = values.pop("images_seen", None)
        with SummaryWriter(str(Path(self.log_dir, FINAL))) as writer:
            for name, value in values.items():
                writer.add_scalar(f"val/{name}", value, images_seen)

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
        """Log the configuration as text, its choices as hparams, with the primary metric at last and of the checkpoint."""
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # an optional dependency
        from torch.utils.tensorboard.summary import hparams

        self.experiment.add_text("config", f"```\n{OmegaConf.to_yaml(run.config)}\n```", run.resumed_at)
        primary = run.config.get("primary")
        experiment, *session = hparams(
            run.choices, {f"val/{primary}": 0.0} if primary else {}
        )  # a name: the rows have its values
        if primary:
            plugin = experiment.value[0].metadata.plugin_data
            content = HParamsPluginData.FromString(plugin.content)
            final = {"group": FINAL.rstrip("/"), "tag": f"val/{primary}"}  # see `_log_final`
            content.experiment.metric_infos.add(name=final, display_name=f"{FINAL}{primary}")
            plugin.content = content.SerializeToString()
        for summary in (experiment, *session):
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
