"""Train a GAN, judge it, and write a run folder: ``python -m gan_lab.train model=dcgan data=digits``."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gan_lab import atomic
from gan_lab.cli.command import command, explain
from gan_lab.errors import InputError
from gan_lab.run_folder import RunFolder
from gan_lab.sweep import jobs
from gan_lab.training import distributed, resume, signals
from gan_lab.training.config import check_computed, check_g_steps, check_numbers, finalize_config, named

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

    from gan_lab.data.module import Data


def main() -> None:
    """Run the command."""
    with signals.stoppable(), jobs.report():
        argv = explain(lambda: resume.arguments(sys.argv[1:]))
        explain(lambda: distributed.check_torchrun(argv))
        command("train", jobs.job(distributed.isolated_process_group(train)), argv, precheck=precheck)


def precheck(cfgs: list[DictConfig]) -> None:
    """Refuse, within seconds of the start, values that would be overwritten, and runs whose extractors find no weights."""
    from gan_lab.evaluation.extractor import weights  # not for --help

    check_computed(cfgs)
    weights.check_reach(cfgs)


def train(cfg: DictConfig) -> float | None:
    """Run the configuration that Hydra composed in the folder that Hydra made."""
    return run(cfg, Path(HydraConfig.get().runtime.output_dir))


def run(cfg: DictConfig, folder: Path) -> float | None:
    """Run one configuration to its end and judge its best checkpoint; return the best value, lower is better, for a search."""
    from gan_lab.cli import console
    from gan_lab.training import transfer
    from gan_lab.training.speed import choose

    console.quiet()
    overrides = list(HydraConfig.get().overrides.task)
    with signals.stoppable(folder) as stop, distributed.alone_in(folder):
        cfg, resumed = resume.load_resume_config(cfg, overrides, folder)
        check_numbers(cfg)
        if not resumed:
            transfer.resolve(cfg)
        chosen = choose(cfg)
        stop.trainer = trainer = instantiate(cfg.trainer, logger=False, default_root_dir=str(folder))
        if trainer.world_size > 1 and cfg.trainer.get("strategy") == "auto":
            raise InputError(f"trainer.devices={cfg.trainer.devices} makes {trainer.world_size} processes: add trainer=ddp")
        if not distributed.needs_a_command(trainer):
            return run_in(folder, cfg, resumed, trainer, overrides, chosen)
    distributed.run_command(folder)
    return None


def run_in(
    folder: Path, cfg: DictConfig, resumed: resume.Resumed | None, trainer: Any, overrides: list[str], speed: str
) -> float | None:
    """Run it in a folder that no other process writes to."""
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from gan_lab.cli import console
    from gan_lab.data.prepared import Prepared
    from gan_lab.data.survey import describe
    from gan_lab.evaluation.extractor import trained, weights
    from gan_lab.training import cadence, capture, checkpoint, transfer
    from gan_lab.training.build import build, build_data, check_batches, check_clipping
    from gan_lab.training.speed import backends

    weights.check(cfg.extractor if cfg.metric else None)
    data = build_data(cfg)
    data.setup("fit")
    cfg.data.update(data.resolved)
    cfg.class_names = named(cfg.get("class_names"), data)  # checkpoints before 0.3 have no such key
    finalize_config(cfg, data.num_train, data.batch_size * trainer.world_size, folder, data.num_evaluated)
    check_g_steps(cfg, data.batch_size * trainer.world_size)
    cfg.extractor = trained.with_weights(cfg.extractor, data, [f"data={HydraConfig.get().runtime.choices['data']}", *overrides])
    if resumed and resumed.images_seen >= cfg.total_images and (not resumed.is_of(folder) or RunFolder(folder).is_complete):
        return console.complete(resumed.path, resumed.images_seen, cfg.total_images)
    callbacks = make_callbacks(cfg, data)
    gan = build(cfg)
    check_batches(gan, data.batch_size)
    check_clipping(gan)
    if resumed:
        checkpoint.restore(gan, resumed.path)  # `fit` does it too, but only here a misfit is one sentence
    elif cfg.init_from:
        console.transferred(cfg.init_from, transfer.take(gan, Path(cfg.init_from)))
    if resumed:
        console.resumed(resumed.path, resumed.images_seen, resumed.changes)
    prepared = data.train_set.folder if isinstance(data.train_set, Prepared) else None
    console.start(folder, cfg.total_images, cfg.seed, speed, prepared)
    console.data(lambda: describe(data, cfg.class_names or ()))

    trainer.callbacks += [*callbacks.values(), checkpoint.EmbedConfig(cfg, overrides), *capture.callbacks(cfg.speed)]
    trainer.loggers = loggers(cfg, resumed)
    atomic.write_text(RunFolder(folder).config, OmegaConf.to_yaml(cfg, resolve=True))  # from here on it is a run
    trainer.val_check_interval = cadence.steps(data.batch_size * trainer.world_size, cfg.val_every_images)
    try:
        with backends(cfg.speed):
            with checkpoint.restoring(resumed.path, gan) if resumed else nullcontext():
                trainer.fit(gan, data, ckpt_path=resumed and resumed.path, weights_only=True)
            if trainer.received_sigterm:  # in the last moments of `fit`, after its last look
                raise SIGTERMException
            with checkpoint.restoring(chosen := callbacks["checkpoint"].chosen_path, gan):
                trainer.test(gan, data, ckpt_path=chosen, weights_only=True, verbose=False)
        dashboards = [logger.where() for logger in trainer.loggers if hasattr(logger, "where")]
        console.finish(folder, dashboards, data.broken, data.faults.items())
    finally:
        for logger in trainer.loggers:
            if hasattr(logger, "close"):
                logger.close()
    if callbacks["stop_condition"].interrupted:
        sys.exit(130)  # as a shell reports a Ctrl-C: a sweep ends with it
    return callbacks["checkpoint"].objective


def make_callbacks(cfg: DictConfig, data: "Data") -> dict[str, Any]:
    """Make the callbacks; validation first, for it refuses bad metrics and knows which quantity chooses the best checkpoint."""
    made = {}
    if "validation" in cfg.callback:
        made["validation"] = validation = instantiate(cfg.callback.validation)
        validation.check(data)
        cfg.primary, cfg.primary_mode = validation.suite.choose(cfg.primary)
    return {name: made.get(name) or instantiate(node) for name, node in cfg.callback.items()}


def loggers(cfg: DictConfig, resumed: resume.Resumed | None) -> list["Logger"]:
    """Make the logger of metrics.csv, and the one that was chosen."""
    from gan_lab.logger.csv import CsvLogger
    from gan_lab.logger.run import describe

    resumed_at = resumed.images_seen if resumed else 0
    rows = resumed.rows if resumed and resumed.is_of(Path(cfg.folder)) else None
    csv = CsvLogger(RunFolder(cfg.folder).metrics, resumed_at, rows)
    if not cfg.get("logger"):
        return [csv]
    make = instantiate(cfg.logger, _partial_=True)  # given to instantiate, the configuration would be instantiated too
    return [csv, make(describe(cfg, resumed_at))]


if __name__ == "__main__":
    main()
