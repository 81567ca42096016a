"""Train a GAN, judge it, and write a run folder: ``python -m gan_lab.train model=dcgan data=digits``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from gan_lab import resume
from gan_lab.command import command, explain
from gan_lab.errors import InputError

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger


def main() -> None:
    """The command."""
    sys.argv[1:] = explain(lambda: resume.arguments(sys.argv[1:]))
    command("train", train)


def train(cfg: DictConfig) -> float | None:
    """Run one configuration to its end and judge its best checkpoint; returns the best value of the primary score."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate

    from gan_lab import cadence, checkpoint, console
    from gan_lab.build import build

    console.quiet()
    folder = Path(HydraConfig.get().runtime.output_dir)
    overrides = list(HydraConfig.get().overrides.task)
    cfg, resumed = resume.take_up(cfg, overrides, folder)
    data = instantiate(cfg.data)
    data.prepare_data()
    data.setup("fit")
    trainer = instantiate(cfg.trainer, logger=False, default_root_dir=str(folder))
    settle(cfg, data.num_train, data.batch_size * trainer.world_size, folder)
    if resumed and resumed.images_seen >= cfg.total_images:
        raise InputError(
            f"{resumed.path} already stands at {resumed.images_seen:,} of {cfg.total_images:,} images: "
            "give a longer max_images=, max_g_steps= or max_epochs="
        )
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
    console.start(cfg, resumed)

    gan = build(cfg)
    callbacks = {name: instantiate(node) for name, node in cfg.callback.items()}
    trainer.callbacks += [*callbacks.values(), checkpoint.StandAlone(cfg, overrides)]
    trainer.loggers = loggers(cfg, resumed)
    trainer.val_check_interval = cadence.steps(data.batch_size * trainer.world_size, cfg.val_every_images)
    try:
        trainer.fit(gan, data, ckpt_path=resumed and resumed.path, weights_only=True)
        trainer.test(gan, data, ckpt_path=checkpoint.find(folder), weights_only=True, verbose=False)
        console.finish(folder, trainer.loggers)
    finally:
        for logger in trainer.loggers:
            if hasattr(logger, "close"):
                logger.close()
    if callbacks["limit"].interrupted:
        sys.exit(130)  # as a shell reports a Ctrl-C: a sweep ends with it
    return callbacks["checkpoint"].best


def settle(cfg: DictConfig, num_train: int, global_batch: int, folder: Path) -> None:
    """Write into the configuration what the data and the folder decide: the length in images, and the cadences."""
    cfg.folder = str(folder)
    if cfg.max_images is not None:
        cfg.total_images = cfg.max_images
    elif cfg.max_g_steps is not None:
        cfg.total_images = d_steps(cfg, cfg.max_g_steps) * global_batch
    else:
        cfg.total_images = round(cfg.max_epochs * num_train)
    for cadence in ("val_every_images", "sample_every_images", "checkpoint_every_images"):
        if cfg[cadence] is None:
            cfg[cadence] = max(1, cfg.total_images // 10)


def d_steps(cfg: DictConfig, g_steps: int) -> int:
    """How many steps D does for so many of G."""
    from hydra.utils import instantiate

    if isinstance(cfg.model.d_steps, int):
        return cfg.model.d_steps * g_steps
    return sum(map(instantiate(cfg.model.d_steps), range(g_steps)))


def loggers(cfg: DictConfig, resumed: resume.Resumed | None) -> list["Logger"]:
    """metrics.csv, and the one that was chosen."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate

    from gan_lab.logger.csv import CsvLogger

    csv = CsvLogger(Path(cfg.folder) / "metrics.csv", resumed.images_seen if resumed else None)
    if not cfg.get("logger"):
        return [csv]
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    choices: Any = HydraConfig.get().runtime.choices
    model, data = choices["model"], choices["data"]
    name = {"name": f"{model}-{data}-{cfg.seed}", "group": f"{model}-{data}", "tags": [model, data]}
    make = instantiate(cfg.logger, _partial_=True)  # given to instantiate, the configuration would be instantiated too
    return [csv, make(folder=cfg.folder, config=config, **name)]


if __name__ == "__main__":
    main()
