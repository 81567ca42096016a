"""Train a GAN, judge it, and write a run folder: ``python -m gan_lab.train model=dcgan data=digits``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from gan_lab import processes, resume, sweep
from gan_lab.command import command, explain
from gan_lab.settle import check_numbers, settle

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger


def main() -> None:
    """The command."""
    sys.argv[1:] = explain(lambda: resume.arguments(sys.argv[1:]))
    explain(lambda: processes.check_torchrun(sys.argv[1:]))
    with sweep.report():
        command("train", sweep.job(processes.contained(train)))


def train(cfg: DictConfig) -> float | None:
    """Run one configuration to its end and judge its best checkpoint; returns the best value of the primary score."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from gan_lab import cadence, checkpoint, console
    from gan_lab.build import build
    from gan_lab.extractor.trained import settle_metric

    console.quiet()
    folder = Path(HydraConfig.get().runtime.output_dir)
    overrides = list(HydraConfig.get().overrides.task)
    cfg, resumed = resume.take_up(cfg, overrides, folder)
    check_numbers(cfg)
    trainer = instantiate(cfg.trainer, logger=False, default_root_dir=str(folder))
    if processes.needs_a_command(trainer):
        processes.run_command(folder, overrides)
        return None
    data = instantiate(cfg.data)
    data.setup("fit")
    settle(cfg, data.num_train, data.batch_size * trainer.world_size, folder)
    settle_metric(cfg, data, [f"data={HydraConfig.get().runtime.choices['data']}", *overrides])
    if resumed and resumed.images_seen >= cfg.total_images:
        return console.complete(cfg, resumed)
    gan = build(cfg)
    if resumed:
        checkpoint.restore(gan, resumed.path)  # `fit` does it too, but only here a misfit is one sentence
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
    console.start(cfg, resumed, data)

    callbacks = {name: instantiate(node) for name, node in cfg.callback.items()}
    trainer.callbacks += [*callbacks.values(), checkpoint.StandAlone(cfg, overrides)]
    trainer.loggers = loggers(cfg, resumed)
    trainer.val_check_interval = cadence.steps(data.batch_size * trainer.world_size, cfg.val_every_images)
    try:
        trainer.fit(gan, data, ckpt_path=resumed and resumed.path, weights_only=True)
        trainer.test(gan, data, ckpt_path=callbacks["checkpoint"].chosen_path, weights_only=True, verbose=False)
        console.finish(folder, trainer.loggers, data.broken)
    except SIGTERMException:
        console.stopped(folder)
        sys.exit(143)  # as a shell reports a SIGTERM
    finally:
        for logger in trainer.loggers:
            if hasattr(logger, "close"):
                logger.close()
    if callbacks["limit"].interrupted:
        sys.exit(130)  # as a shell reports a Ctrl-C: a sweep ends with it
    return callbacks["checkpoint"].best


def loggers(cfg: DictConfig, resumed: resume.Resumed | None) -> list["Logger"]:
    """metrics.csv, and the one that was chosen."""
    from hydra.utils import instantiate

    from gan_lab.logger.csv import CsvLogger
    from gan_lab.logger.run import describe

    resumed_at = resumed.images_seen if resumed else 0
    csv = CsvLogger(Path(cfg.folder) / "metrics.csv", resumed_at)
    if not cfg.get("logger"):
        return [csv]
    make = instantiate(cfg.logger, _partial_=True)  # given to instantiate, the configuration would be instantiated too
    return [csv, make(describe(cfg, resumed_at))]


if __name__ == "__main__":
    main()
