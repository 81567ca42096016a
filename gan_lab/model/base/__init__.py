"""The LightningModule below every GAN: networks, clocks, optimizers, samples and checkpoints."""

from gan_lab.model.base.engine import Engine
from gan_lab.model.base.module import CLOCKS, GANModule
from gan_lab.model.base.networks import Player, TrainedNetwork

__all__ = ["CLOCKS", "Engine", "GANModule", "Player", "TrainedNetwork"]
