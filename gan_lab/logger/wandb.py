"""Weights & Biases logger: online only on request or if logged in, and never able to delay or fail a run."""

import netrc
import os
import shlex
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only, rank_zero_warn
from wandb.sdk import wandb_setup

from gan_lab.logger.clocks import Clocked
from gan_lab.logger.run import RunDescription
from gan_lab.logger.sections import CLOCKS, FINAL, section
from gan_lab.ranges import Text
from gan_lab.run_folder import RunFolder

HOSTS = ("api.wandb.ai", "api.forge.coreweave.com")  # hosts of a stored login; the second since wandb 0.31

PATIENCE = 30
"""Seconds in which W&B may finish: a scheduler that ends a job kills it soon after."""

FAULTS = (OSError, wandb.Error)
"""Errors of W&B's service, for instance where a scheduler has ended it: it signals every process of a job."""


class Wandb(Clocked, WandbLogger):
    """A run whose curves are drawn over images seen, and which continues when its folder does."""

    is_lost = is_finished = False
    checkpoints: Path | None = None
    """The folder whose chosen checkpoint becomes an artifact at the end; None: none does."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log a row in sections; W&B counts rows itself, so ``step`` is not passed on.

        The values of the chosen checkpoint are no curves: they are in the summary alone.
        """
        final = {name: value for name, value in metrics.items() if name.startswith(FINAL)}
        if final:
            self._guard(lambda: self.experiment.summary.update(final))
        else:
            self._send({section(name): value for name, value in self.clocked(metrics).items()})

    @rank_zero_only
    def log_picture(self, name: str, path: Path, clocks: dict[str, float]) -> None:
        """Log a picture file at these clocks."""
        self._send(clocks | {name: wandb.Image(str(path))})

    @rank_zero_only
    def log_lines(self, name: str, lines: list[str], clocks: dict[str, float]) -> None:
        """Log lines as a table at these clocks."""
        self._send(clocks | {name: wandb.Table(["sample"], [[line] for line in lines])})

    def _send(self, row: dict[str, Any]) -> None:
        self._guard(lambda: self.experiment.log(row))

    def _guard(self, call: Callable[[], Any]) -> None:
        try:
            if not self.is_lost:
                call()
        except FAULTS as error:
            self._lose(f"W&B has ended ({error}): what follows is in metrics.csv alone")

    @rank_zero_only
    def close(self) -> None:
        """Finish the W&B run, or leave it after `PATIENCE`; otherwise the next run in this process would continue it."""
        self._guard(self._keep_checkpoint)
        if self.is_lost:
            return
        finish = threading.Thread(target=self._finish, daemon=True)
        finish.start()
        finish.join(PATIENCE)
        if not self.is_finished:
            self._lose(f"W&B has not finished in {PATIENCE} s: what it left out is uploaded by {self._sync()}")

    def _keep_checkpoint(self) -> None:
        """Hand over the chosen checkpoint as an artifact, where that is asked for."""
        files = [self.checkpoints / f"{name}.ckpt" for name in ("best", "last")] if self.checkpoints else []
        for path in [file for file in files if file.is_file()][:1]:
            artifact = wandb.Artifact(f"checkpoint-{self.experiment.id}", "model")
            artifact.add_file(str(path))
            self.experiment.log_artifact(artifact, aliases=[path.stem])
            self.checkpoints = None

    def _finish(self) -> None:
        with suppress(Exception):  # `close` says so
            self.experiment.finish()
            self.is_finished = True

    def _lose(self, warning: str) -> None:
        """Go on without W&B, and end its service: at the end of this process its exit hook would wait for it for ever."""
        self.is_lost = True
        rank_zero_warn(warning)
        if (connection := wandb_setup.singleton()._connection) and connection._proc:
            connection._proc._process.kill()
        with suppress(*FAULTS, SystemExit):  # of the service that is no more
            wandb.teardown()

    def where(self) -> str:
        """Return the command or the address that shows this run."""
        return self._sync() if self.experiment.settings._offline else self.experiment.url

    def _sync(self) -> str:
        """Return the command that uploads this run: each resume adds a part, and W&B takes those of one run in their order."""
        parts = Path(self.experiment.dir).parents[1].glob(f"*run-*-{self.experiment.id}")
        in_order = sorted(map(str, parts), key=lambda part: part.split("-")[-2])
        return shlex.join(["wandb", "sync", *([] if self.experiment.settings._offline else ["--include-online"]), *in_order])


def wandb_logger(
    run: RunDescription, project: Text, mode: str | None = None, log_model: Literal["best"] | None = None
) -> Wandb:
    """Start a W&B run, or continue the one that the run folder already has.

    Args:
        run: the run to log.
        project: name of the W&B project.
        mode: online, offline or disabled; None: ``WANDB_MODE``, else online if a login is stored, else offline.
        log_model: "best" keeps the chosen checkpoint as an artifact; None: none.
    """
    mode = mode_of(mode)
    if getattr(rank_zero_only, "rank", 0) != 0:
        return Wandb(save_dir=run.folder, offline=mode != "online")
    config = {"choices": run.choices, "config": run.config}  # W&B sorts by name: what one filters by comes first
    options = {"config": config, "name": run.name, "group": run.group, "tags": run.tags, "project": project}
    experiment = _start(mode, dir=run.folder, id=_former_id(run.folder), resume="allow", **options)
    for clock in CLOCKS:
        experiment.define_metric(clock, hidden=True)  # an axis to choose, not a curve
    experiment.define_metric("*", step_metric="images_seen")
    logger = Wandb(experiment=experiment, save_dir=run.folder)
    logger.checkpoints = RunFolder(run.folder).checkpoints if log_model else None
    return logger


def mode_of(mode: str | None) -> str:
    """Return the mode that is asked for, by the option or by ``WANDB_MODE``, else online if a login is stored."""
    return mode or os.environ.get("WANDB_MODE") or ("online" if is_logged_in() else "offline")


def _start(mode: Any, **options: Any) -> Any:
    settings = wandb.Settings(init_timeout=15, silent=True, console="off", x_disable_stats=mode == "offline")
    try:
        return wandb.init(mode=mode, settings=settings, **options)
    except (wandb.errors.CommError, wandb.errors.UsageError) as error:
        rank_zero_warn(f"W&B does not respond ({error}): this run is logged offline; upload it later with wandb sync")
        wandb.teardown()
        return wandb.init(mode="offline", settings=settings, **options)


def is_logged_in() -> bool:
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
