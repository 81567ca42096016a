"""Weights & Biases through Lightning's logger: offline unless asked for or logged in, and never a reason to wait or to die."""

import netrc
import os
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only, rank_zero_warn

AXES = ("images_seen", "g_steps_done")
HOSTS = ("api.wandb.ai", "api.forge.coreweave.com")  # where a login is stored; the second since wandb 0.31


class Wandb(WandbLogger):
    """A run whose curves are drawn over images seen, and which continues when its folder does."""

    @rank_zero_only
    def log_picture(self, name: str, path: Path, clocks: dict[str, float]) -> None:
        """Show a picture file at this position."""
        self.experiment.log(clocks | {name: wandb.Image(str(path))})

    @rank_zero_only
    def close(self) -> None:
        """End the W&B run: the next one in this process would go on in it."""
        self.experiment.finish()

    def where(self) -> str:
        """The one command, or the address, that shows this run."""
        run = self.experiment
        return run.url if not run.settings._offline else f"wandb sync {Path(run.dir).parent}"


def wandb_logger(
    folder: str, config: dict[str, Any], name: str, group: str, tags: list[str], project: str, mode: str | None = None
) -> Wandb:
    """Start the run, or take it up again.

    Args:
        folder: the run folder; a W&B run that lies in it already goes on.
        config: the resolved configuration.
        name: of the run.
        group: of the runs that belong together.
        tags: data and model.
        project: of the dashboard.
        mode: online, offline or disabled; None: ``WANDB_MODE``, else online if a login is stored, else offline.
    """
    mode = mode or os.environ.get("WANDB_MODE") or ("online" if _is_logged_in() else "offline")
    if getattr(rank_zero_only, "rank", 0) != 0:
        return Wandb(save_dir=folder, offline=mode != "online")
    options = {"dir": folder, "config": config, "name": name, "group": group, "tags": tags, "project": project}
    run = _start(mode, id=_former_id(folder), resume="allow", **options)
    for axis in AXES:
        run.define_metric(axis)
    run.define_metric("*", step_metric=AXES[0])
    return Wandb(experiment=run, save_dir=folder)


def _start(mode: Any, **options: Any) -> Any:
    settings = wandb.Settings(init_timeout=15, silent=True, console="off", x_disable_stats=mode == "offline")
    try:
        return wandb.init(mode=mode, settings=settings, **options)
    except (wandb.errors.CommError, wandb.errors.UsageError) as error:
        rank_zero_warn(f"W&B does not answer ({error}); this run is recorded offline and can be synced later")
        wandb.teardown()
        return wandb.init(mode="offline", settings=settings, **options)


def _is_logged_in() -> bool:
    """Whether a key is stored. Asks no network: without one that costs minutes."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        hosts = netrc.netrc(os.environ.get("NETRC")).hosts  # W&B heeds the variable too
    except (OSError, netrc.NetrcParseError):
        return False
    return any(host in hosts for host in HOSTS)


def _former_id(folder: str) -> str | None:
    """The id of the W&B run that lies in the folder already."""
    former = sorted(Path(folder).glob("wandb/*run-*-*"))
    return former[-1].name.rsplit("-", 1)[1] if former else None
