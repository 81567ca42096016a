"""Weights & Biases logger: online only on request or if logged in, and never able to delay or fail a run."""

import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only, rank_zero_warn

from gan_lab.logger.clocks import Clocked
from gan_lab.logger.run import RunDescription
from gan_lab.logger.sections import CLOCKS, section
from gan_lab.ranges import Text

HOSTS = ("api.wandb.ai", "api.forge.coreweave.com")  # hosts of a stored login; the second since wandb 0.31


class Wandb(Clocked, WandbLogger):
    """A run whose curves are drawn over images seen, and which continues when its folder does."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log a row in sections; W&B counts rows itself, so ``step`` is not passed on."""
        self.experiment.log({section(name): value for name, value in self.clocked(metrics).items()})

    @rank_zero_only
    def log_picture(self, name: str, path: Path, clocks: dict[str, float]) -> None:
        """Log a picture file at these clocks."""
        self.experiment.log(clocks | {name: wandb.Image(str(path))})

    @rank_zero_only
    def log_lines(self, name: str, lines: list[str], clocks: dict[str, float]) -> None:
        """Log lines as a table at these clocks."""
        self.experiment.log(clocks | {name: wandb.Table(["sample"], [[line] for line in lines])})

    @rank_zero_only
    def close(self) -> None:
        """Finish the W&B run; otherwise the next run in this process would continue it."""
        self.experiment.finish()

    def where(self) -> str:
        """Return the command or the address that shows this run."""
        run = self.experiment
        return run.url if not run.settings._offline else f"wandb sync {Path(run.dir).parent}"


def wandb_logger(run: RunDescription, project: Text, mode: str | None = None) -> Wandb:
    """Start a W&B run, or continue the one that the run folder already has.

    Args:
        run: the run to log.
        project: name of the W&B project.
        mode: online, offline or disabled; None: ``WANDB_MODE``, else online if a login is stored, else offline.
    """
    mode = mode or os.environ.get("WANDB_MODE") or ("online" if _is_logged_in() else "offline")
    if getattr(rank_zero_only, "rank", 0) != 0:
        return Wandb(save_dir=run.folder, offline=mode != "online")
    options = {"config": run.config, "name": run.name, "group": run.group, "tags": run.tags, "project": project}
    experiment = _start(mode, dir=run.folder, id=_former_id(run.folder), resume="allow", **options)
    for clock in CLOCKS:
        experiment.define_metric(clock, hidden=True)  # an axis to choose, not a curve
    experiment.define_metric("*", step_metric="images_seen")
    return Wandb(experiment=experiment, save_dir=run.folder)


def _start(mode: Any, **options: Any) -> Any:
    settings = wandb.Settings(init_timeout=15, silent=True, console="off", x_disable_stats=mode == "offline")
    try:
        return wandb.init(mode=mode, settings=settings, **options)
    except (wandb.errors.CommError, wandb.errors.UsageError) as error:
        rank_zero_warn(f"W&B does not respond ({error}): this run is logged offline; upload it later with wandb sync")
        wandb.teardown()
        return wandb.init(mode="offline", settings=settings, **options)


def _is_logged_in() -> bool:
    """Return whether an API key is stored; asking W&B itself would take minutes without a network."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        hosts = netrc.netrc(os.environ.get("NETRC")).hosts  # W&B honours this variable too
    except (OSError, netrc.NetrcParseError):
        return False
    return any(host in hosts for host in HOSTS)


def _former_id(folder: str) -> str | None:
    """Return the id of the W&B run that the folder already has, if any."""
    former = sorted(Path(folder).glob("wandb/*run-*-*"))
    return former[-1].name.rsplit("-", 1)[1] if former else None
