"""Points of the plane, (N, 2, 1, 1), whose modes are known: mixtures of Gaussians, and a single point."""

import math

import torch
from torch import Tensor

from gan_lab.data.arrays import Arrays
from gan_lab.errors import InputError
from gan_lab.rng import Stream, make_generator


def ring(modes: int = 8, radius: float = 1.0) -> Tensor:
    """Centres (modes, 2), evenly on a circle."""
    angle = torch.arange(modes) * (2 * math.pi / modes)
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


def grid(modes: int = 25, spacing: float = 0.5) -> Tensor:
    """Centres (modes, 2) of a square grid around the origin."""
    side = math.isqrt(modes)
    if side**2 != modes:
        raise InputError(f"modes={modes} make no square grid: use modes={side**2} or modes={(side + 1) ** 2}")
    line = (torch.arange(side) - (side - 1) / 2) * spacing
    return torch.cartesian_prod(line, line)


class Gaussians:
    """Equally likely round Gaussians; the class of a point is its mode (Metz 2017, Srivastava 2017).

    Args:
        centers: (K, 2).
        std: of each; small enough that plain noise does not cover a mode by chance.
    """

    def __init__(self, centers: Tensor, std: float) -> None:
        self.centers, self.std = centers, std

    def sample(self, n: int, seed: int) -> tuple[Tensor, Tensor]:
        """Points (n, 2, 1, 1) and their modes (n,)."""
        g = make_generator(seed, Stream.DATA)
        mode = torch.randint(len(self.centers), (n,), generator=g)
        points = self.centers[mode] + self.std * torch.randn(n, 2, generator=g)
        return points.view(n, 2, 1, 1), mode

    def assign(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest mode (N,) of each point, and whether it is within 3 standard deviations (N,)."""
        distance, mode = torch.cdist(points.flatten(1), self.centers.to(points)).min(1)
        return mode, distance <= 3 * self.std


def dirac(n: int) -> Arrays:
    """The same real point, the origin, ``n`` times (Mescheder 2018, definition 2.1, here in the plane)."""
    return Arrays(torch.zeros(n, 2, 1, 1))
