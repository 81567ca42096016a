"""Configurations shrunk to CPU-seconds, and a bare fit."""

import sys
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
from omegaconf import DictConfig

from gan_lab import train
from gan_lab.callback import summary
from gan_lab.cli.compose import CONF, compose
from gan_lab.model.batch import StepContext
from gan_lab.rng import StepRNG
from gan_lab.training.config import finalize_config
from gan_lab.training.short_run import trained as fit  # noqa: F401  what tests call it

CONF = CONF
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
ALIKE = {"acgan", "afm", "biggan", "ccgan", "cgan", "ct_gan", "dcgan", "dragan", "hinge", "improved_gan", "logan", "lsgan",
         "projection", "r3gan", "ragan", "rsgan", "sagan", "sngan", "stylegan", "unrolled", "wgan"}  # fmt: skip
"""Models whose way to train another one has too, or their own quick tests: they are among the slow tests of each model."""
EVERY_MODEL = [pytest.param(model, marks=pytest.mark.slow if model in ALIKE else ()) for model in MODELS]
TINY = ["data=fake", "data.image_size=8", "data.channels=1", "data.batch_size=4", "max_images=64", "log_every_steps=4",
        "val_every_images=32", "sample_every_images=32",
        "network.generator.width=8", "network.discriminator.width=8", "logger=csv", "hydra.run.dir=run"]  # fmt: skip
"""The command line of a run of 64 images in the folder ``run``."""
TINY_IMAGES = ["data=fake", "data.image_size=8", "data.channels=1", "data.batch_size=4", "data.num_classes=3",
               "data.held_out.n=64"]  # fmt: skip


SMALL = {"depth": 2, "style_dim": 16, "mapping_layers": 2, "blocks": 1}


def tiny(*overrides: str, images: int = 48) -> DictConfig:
    """The configuration of these overrides on tiny random images, networks of width 8 (and depth 2), nothing written."""
    given = list(overrides)
    if not any(override.startswith("data=") for override in given):
        given = [*TINY_IMAGES, *given]
    cfg = deepcopy(composed("logger=csv", *given))
    cfg.max_images = images
    for network in (cfg.network.generator, cfg.network.discriminator):
        if "width" in network and not any("network." in override for override in given):
            network.width = [8, 8] if "mlp" in network._target_ else 8
            network.update({key: value for key, value in SMALL.items() if key in network})
    finalize_config(cfg, num_train=100, global_batch=cfg.data.batch_size, folder=Path("unused"))
    return cfg


def no_curves(patch: pytest.MonkeyPatch) -> None:
    """Leave ``curves.png`` empty: half of the time of a tiny run."""
    patch.setattr(summary, "save_curves", lambda rows, path, *levels: path.touch())


def train_into(folder: Path, *overrides: str, curves: bool = False) -> Path:
    """Call ``gan_lab.train`` with these overrides and the run folder ``folder``, which is returned."""
    with pytest.MonkeyPatch.context() as patch:
        if not curves:
            no_curves(patch)
        patch.setattr(sys, "argv", ["gan_lab", "logger=csv", *overrides, f"hydra.run.dir={folder}"])
        train.main()
    return folder


@cache
def composed(*overrides: str) -> DictConfig:
    """Composing takes a quarter of a second, and many tests ask for the same."""
    return compose("train", [*overrides])


def context(gan, player="d", seed=0) -> StepContext:
    """The context of a step outside training."""
    return gan.context(player, StepRNG(seed))
