"""Synthetic points in the plane, (N, 2, 1, 1), with known modes: mixtures of Gaussians, and a single point."""

import math

import torch
from torch import Tensor

from gan_lab.data.arrays import Arrays
from gan_lab.errors import InputError
from gan_lab.ranges import NonNegative, Rows, Size
from gan_lab.rng import Stream, make_generator


def ring(modes: Size = 8, radius: NonNegative = 1.0) -> Tensor:
    """Return centres (modes, 2) spaced evenly on a circle."""
    angle = torch.arange(modes) * (2 * math.pi / modes)
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


def grid(modes: Size = 25, spacing: NonNegative = 0.5) -> Tensor:
    """Return the centres (modes, 2) of a square grid around the origin."""
    side = math.isqrt(modes)
    if side**2 != modes:
        raise InputError(f"modes={modes} is not a square number: use modes={side**2} or modes={(side + 1) ** 2}")
    line = (torch.arange(side) - (side - 1) / 2) * spacing
    return torch.cartesian_prod(line, line)


class Gaussians:
    """An equal mixture of isotropic Gaussians; the class of a point is its mode (Metz 2017, Srivastava 2017).

    Args:
        centers: means (K, 2).
        std: standard deviation of each; small enough that plain noise does not cover a mode by chance.
    """

    def __init__(self, centers: Tensor, std: NonNegative) -> None:
        self.centers, self.std = centers, std

    def sample(self, n: int, seed: int) -> tuple[Tensor, Tensor]:
        """Draw points (n, 2, 1, 1) and their modes (n,)."""
        g = make_generator(seed, Stream.DATA)
        mode = torch.randint(len(self.centers), (n,), generator=g)
        points = self.centers[mode] + self.std * torch.randn(n, 2, generator=g)
        return points.view(n, 2, 1, 1), mode

    def assign(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest mode (N,) of each point, and whether it is within 3 standard deviations (N,)."""
        distance, mode = torch.cdist(points.flatten(1), self.centers.to(points)).min(1)
        return mode, distance <= 3 * self.std


def dirac(n: Rows) -> Arrays:
    """Return ``n`` copies of the origin, the only real point (Mescheder 2018, definition 2.1, here in the plane)."""
    return Arrays(torch.zeros(n, 2, 1, 1))
