"""Noise in G's layers (ganhacks 13, which ascribes it to Zhao 2017, https://arxiv.org/abs/1609.03126)."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.network.layers import WEIGHTED
from gan_lab.ranges import NonNegative
from gan_lab.schedules import Schedule, value
from gan_lab.trick import Trick

if TYPE_CHECKING:
    from gan_lab.model.base import GANModule


class LayerNoise(Trick):
    """Gaussian noise on the input of every layer of G but the first, in training alone: the sampled average has none.

    Args:
        std: of the rng, or a schedule in images.
    """

    now: Tensor

    def __init__(self, std: NonNegative | Schedule) -> None:
        super().__init__()
        self.std = std
        self.register_buffer("now", torch.tensor(float(value(std, 0))))  # a tensor: a number would be compiled in

    def check(self, name: str, gan: "GANModule") -> None:
        """Register the noise before every layer with weights but the first."""
        layers = [module for module in gan.generator.modules() if isinstance(module, WEIGHTED)]
        if not layers:
            raise InputError(
                f"trick={name} finds no layer of torch in this network.generator: leave it out, or choose another network="
            )
        for layer in layers[1:]:
            layer.register_forward_pre_hook(self.add)

    def add(self, layer: Any, inputs: tuple[Tensor]) -> Tensor:
        """Return a layer's input with noise from torch's global generator, which each step seeds."""
        (x,) = inputs
        return x + self.now * torch.randn_like(x) if layer.training else x

    def after_step(self, gan: "GANModule") -> None:
        """Set the noise level of the next step."""
        self.now.fill_(value(self.std, gan.images_seen))
