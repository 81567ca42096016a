"""Where G's input comes from: functions (rng, N, dim) -> latents (N, dim).

``noise`` is anything with ``normal(N, dim)`` and ``uniform(N, dim)``, so that training (one draw for the global batch) and
sampling (one draw per image) share these.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize


class Source(Protocol):
    """Draws of which the first dimension counts samples."""

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        ...

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1)."""
        ...


def normal(rng: Source, n: int, dim: int) -> Tensor:
    """Standard normal."""
    return rng.normal(n, dim)


def uniform(rng: Source, n: int, dim: int) -> Tensor:
    """Uniform in [-1, 1) (Radford 2016)."""
    return rng.uniform(n, dim) * 2 - 1


def sphere(rng: Source, n: int, dim: int) -> Tensor:
    """Uniform on the sphere of radius sqrt(dim), where almost all of the normal distribution lies (White 2016)."""
    return normalize(rng.normal(n, dim)) * dim**0.5


def straight(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The points a + t (b - a), (T, dim), for t (T,) in [0, 1]."""
    return torch.lerp(a, b, t[:, None])


def great_circle(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The points on the great circle from a to b, (T, dim): lengths stay typical of the latents (White 2016)."""
    angle = torch.acos((normalize(a, dim=0) @ normalize(b, dim=0)).clamp(-1, 1))
    if angle.sin() < 1e-6:
        return straight(a, b, t)
    t = t[:, None]
    return ((1 - t) * angle).sin() / angle.sin() * a + (t * angle).sin() / angle.sin() * b
