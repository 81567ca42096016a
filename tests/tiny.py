"""Configurations shrunk to CPU-seconds, and a bare fit."""

from copy import deepcopy
from functools import cache
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from gan_lab import command
from gan_lab.build import build
from gan_lab.model.gan import GAN
from gan_lab.settle import settle

CONF = command.CONF
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
TINY_IMAGES = ["data=fake", "data.image_size=8", "data.channels=1", "data.batch_size=4", "data.num_classes=3"]


def tiny(*overrides: str, images: int = 48) -> DictConfig:
    """The configuration of these overrides on tiny random images, networks of width 8, nothing written."""
    given = list(overrides)
    if not any(override.startswith("data=") for override in given):
        given = [*TINY_IMAGES, *given]
    cfg = deepcopy(composed("logger=csv", f"max_images={images}", *given))
    for network in (cfg.network.generator, cfg.network.discriminator):
        if "width" in network and not any("network." in override for override in given):
            network.width = [8, 8] if "mlp" in network._target_ else 8
    settle(cfg, num_train=100, global_batch=cfg.data.batch_size, folder=Path("unused"))
    return cfg


@cache
def composed(*overrides: str) -> DictConfig:
    """Composing takes a quarter of a second, and many tests ask for the same."""
    return command.compose("train", [*overrides])


def fit(cfg: DictConfig, *callbacks, gan: GAN | None = None, ckpt_path: Path | None = None, **options) -> GAN:
    """Train with the limit and these callbacks only; the trainer is ``gan.trainer``."""
    gan = gan or build(cfg)
    limit = instantiate(cfg.callback.limit)
    options = {"enable_checkpointing": False, "limit_val_batches": 0} | options
    options = {"logger": False} | options
    trainer = instantiate(cfg.trainer, accelerator="cpu", callbacks=[*callbacks, limit], **options)
    trainer.fit(gan, instantiate(cfg.data), ckpt_path=ckpt_path, weights_only=True)
    return gan
