"""Tiny GANs whose weights are random: what is exported must not depend on training."""

import torch
from torch import nn

from gan_lab.cli.compose import CONF
from gan_lab.export.generator import Exported, exported
from gan_lab.model.gan import GAN
from gan_lab.training.build import build
from tests.tiny import tiny

NETWORKS = sorted(path.stem for path in (CONF / "network").glob("*.yaml"))
DATA = {"dirac": ["data=dirac"], "conv1d": ["data=fake", "data.num_classes=null", "+data.shape=[3,8]"],
        "char_cnn": ["data=fake", "data.num_classes=null", "+data.shape=[3,8]"]}  # fmt: skip


def gan_of(*overrides: str) -> tuple[GAN, Exported]:
    """A GAN of these options in evaluation mode, and its export without truncation."""
    cfg = tiny("penalty=none", *overrides)
    gan = build(cfg).eval()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for weight in gan.generator_ema.parameters():
            nn.init.normal_(weight, std=0.1)  # none is 0, and G's own are others
    return gan, exported(gan, cfg)


def of_network(name: str) -> tuple[GAN, Exported]:
    return gan_of(f"network={name}", "model=gan", *DATA.get(name, []))


def inputs(gan: GAN, n: int) -> dict[str, torch.Tensor]:
    """Latents and, where there are any, labels of n samples."""
    y = gan.labels(range(n))
    return {"z": gan.latent_rows(range(n), 1)} | ({} if y is None else {"y": y})
