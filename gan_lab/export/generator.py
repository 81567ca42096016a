"""The generator as it is exported: a plain module in evaluation mode, from latents and labels to images."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from gan_lab import latents
from gan_lab.errors import InputError
from gan_lab.export.contract import Contract, contract_of
from gan_lab.model.gan import GAN


class TruncatedLatents(nn.Module):
    """A generator of latents within +-``truncation``; see `gan_lab.latents.truncate`."""

    def __init__(self, generator: nn.Module, truncation: float) -> None:
        super().__init__()
        self.generator, self.truncation = generator, truncation

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate images of standard normal latents z (N, latent_dim)."""
        return self.generator(latents.truncate(z, self.truncation), y)


class TruncatedStyles(nn.Module):
    """A generator whose styles lie at ``truncation`` times their distance from the mean (Karras 2019, appendix B)."""

    def __init__(self, generator: nn.Module, truncation: float) -> None:
        super().__init__()
        self.generator, self.truncation = generator, truncation

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate images of latents z (N, latent_dim)."""
        return self.generator(z, y, truncation=self.truncation)


@dataclass(frozen=True)
class Exported:
    """All that a format needs.

    Attributes:
        generator: in evaluation mode and float32 on the CPU: (z, y) -> images, or (z) -> images.
        inputs: two rows of ``z`` and, where there are labels, of ``y``.
        contract: see `Contract`.
        cfg: the configuration that made the network.
    """

    generator: nn.Module
    inputs: dict[str, Tensor]
    contract: Contract
    cfg: DictConfig


def exported(gan: GAN, cfg: DictConfig, ema: bool = True, truncation: float | None = None) -> Exported:
    """Return a copy of a GAN's generator: standing statistics applied, truncation built in.

    Args:
        gan: in evaluation mode.
        cfg: its configuration.
        ema: the averaged generator, or G itself.
        truncation: see `gan_lab.model.base.sampling.Sampling.sample`.

    Raises:
        InputError: the GAN's images are no function of latents, labels and weights alone, or cannot be truncated.
    """
    if gan.dropout_in_sampling and any(isinstance(each, nn.Dropout) and each.p for each in gan.generator.modules()):
        raise InputError(
            "model.dropout_in_sampling=true draws dropout anew for each latent, which no file can hold: sample this GAN with "
            "gan_lab.sample, or train it without"
        )
    contract = contract_of(gan, cfg, ema, truncation)
    generator: Any = gan.with_standing_statistics(gan.generator_ema if ema else gan.generator)
    copy = deepcopy(generator).eval().requires_grad_(False).float().to(memory_format=torch.contiguous_format)
    if truncation is not None:
        copy = (TruncatedStyles if contract.truncates == "styles" else TruncatedLatents)(copy, truncation).eval()
    inputs, y = {"z": gan.latent_rows(range(2), gan.seed).float()}, gan.labels(range(2))
    return Exported(copy, inputs if y is None else inputs | {"y": y}, contract, cfg)
