"""The Dirac-GAN (Mescheder 2018, https://arxiv.org/abs/1801.04406, section 2): the smallest GAN that may not converge.

The data are one point, G generates one point theta, and D(x) = w . x. Meant for ``data=dirac``; there is no ``width``.
"""

import torch
from torch import Tensor, nn

from gan_lab.errors import InputError
from gan_lab.ranges import Size


class Generator(nn.Module):
    """Any z (N, 1) -> the point theta as (N, channels, 1, 1).

    Args:
        channels: number of coordinates.
        image_size: 1, for points.
        theta: initial value of every coordinate.
    """

    latent_dim = 1  # the smallest size that can be drawn; G ignores z

    def __init__(self, channels: Size, image_size: Size, theta: float = 1.0) -> None:
        super().__init__()
        _check(image_size)
        self.theta = nn.Parameter(torch.full((channels,), float(theta)))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return theta once for each z."""
        return self.theta.view(1, -1, 1, 1).expand(z.shape[0], -1, -1, -1)


class Discriminator(nn.Module):
    """Points (N, channels, 1, 1) -> logits w . x, (N,).

    Args:
        channels: number of coordinates.
        image_size: 1, for points.
        w: initial value of every weight.
    """

    def __init__(self, channels: Size, image_size: Size, w: float = 1.0) -> None:
        super().__init__()
        _check(image_size)
        self.w = nn.Parameter(torch.full((channels,), float(w)))

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the coordinates (N, channels)."""
        return x.flatten(1)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features."""
        return features @ self.w

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x), y)


def _check(image_size: int) -> None:
    if image_size != 1:
        raise InputError(f"network=dirac makes points, but data of size {image_size} are images: use network=mlp")
