"""Short training runs without a run folder, for checks and tests, and the comparison of their results."""

from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn

from gan_lab.model.gan import GAN
from gan_lab.training.build import build, build_data


def trained(
    cfg: DictConfig, *callbacks: L.Callback, gan: GAN | None = None, ckpt_path: Path | None = None, **options: Any
) -> GAN:
    """Return a GAN after a run on the CPU with these callbacks alone, and the one that ends it.

    Args:
        cfg: of a run.
        callbacks: further ones.
        gan: the GAN to train; None: the one that ``cfg`` describes.
        ckpt_path: checkpoint to resume from.
        options: of Lightning's Trainer, which is ``gan.trainer`` afterwards.
    """
    gan = gan or build(cfg)
    options = {"enable_checkpointing": False, "limit_val_batches": 0, "logger": False} | options
    trainer = instantiate(
        cfg.trainer, accelerator="cpu", callbacks=[*callbacks, instantiate(cfg.callback.stop_condition)], **options
    )
    trainer.fit(gan, build_data(cfg), ckpt_path=ckpt_path, weights_only=True)
    return gan


def difference(one: nn.Module, two: nn.Module) -> str | None:
    """Return the name of the first value in which the states of two modules differ by a bit, clocks included; None: equal."""
    a, b = one.state_dict(), two.state_dict()
    if a.keys() != b.keys():
        return str(min(a.keys() ^ b.keys()))
    return next((n for n in a if not (torch.equal(a[n], b[n]) if torch.is_tensor(a[n]) else a[n] == b[n])), None)


def equal(one: nn.Module, two: nn.Module) -> bool:
    """Return whether two modules have the same state bit for bit, clocks included."""
    return difference(one, two) is None
