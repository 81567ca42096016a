"""The Dirac-GAN (Mescheder 2018, https://arxiv.org/abs/1801.04406, section 2): the smallest GAN that may not converge.

The data are one point, G makes one point theta, and D(x) = w . x. Made for ``data=dirac``; there is no width.
"""

import torch
from torch import Tensor, nn

from gan_lab.errors import InputError


class Generator(nn.Module):
    """Every z (N, 1) -> the point theta as (N, channels, 1, 1).

    Args:
        channels: coordinates of the point.
        image_size: 1, for points.
        theta: first value of every coordinate.
    """

    latent_dim = 1  # the least that can be drawn; G does not look at it

    def __init__(self, channels: int, image_size: int, theta: float = 1.0) -> None:
        super().__init__()
        _check(image_size)
        self.theta = nn.Parameter(torch.full((channels,), float(theta)))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """theta, once for each z."""
        return self.theta.view(1, -1, 1, 1).expand(len(z), -1, -1, -1)


class Discriminator(nn.Module):
    """Points (N, channels, 1, 1) -> raw scores w . x, (N,).

    Args:
        channels: coordinates of the point.
        image_size: 1, for points.
        w: first value of every coordinate.
    """

    def __init__(self, channels: int, image_size: int, w: float = 1.0) -> None:
        super().__init__()
        _check(image_size)
        self.w = nn.Parameter(torch.full((channels,), float(w)))

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The coordinates (N, channels)."""
        return x.flatten(1)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,) of features."""
        return features @ self.w

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Raw scores (N,)."""
        return self.head(self.features(x), y)


def _check(image_size: int) -> None:
    if image_size != 1:
        raise InputError(f"network=dirac makes points, and data of size {image_size} are images: use network=mlp")
