"""Distributions of latents, as functions (rng, n, dim) -> latents (n, dim), and paths between two latents.

``rng`` is anything with ``normal`` and ``uniform``, so that training (one draw for the global batch) and sampling (one draw per
image) share these functions.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize


class RNG(Protocol):
    """A random generator whose first dimension counts samples, such as `gan_lab.rng.StepRNG`."""

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers."""
        ...

    def uniform(self, *shape: int) -> Tensor:
        """Draw uniform numbers in [0, 1)."""
        ...


def normal(rng: RNG, n: int, dim: int) -> Tensor:
    """Draw standard normal latents."""
    return rng.normal(n, dim)


def uniform(rng: RNG, n: int, dim: int) -> Tensor:
    """Draw latents uniform in [-1, 1) (Radford 2016)."""
    return rng.uniform(n, dim) * 2 - 1


def sphere(rng: RNG, n: int, dim: int) -> Tensor:
    """Draw latents uniform on the sphere of radius sqrt(dim), near which normal latents concentrate (White 2016)."""
    return normalize(rng.normal(n, dim)) * dim**0.5


def truncate(z: Tensor, threshold: float) -> Tensor:
    """Turn standard normal latents into normal ones within +-``threshold``: the truncation trick (Brock 2019, section 3.1).

    The paper draws values beyond the threshold anew. Here each is moved by the monotone map between the two distributions, so
    that a sample keeps its number, and changes gradually with the threshold.
    """
    low = torch.special.ndtr(torch.tensor(-threshold, dtype=torch.float64, device=z.device))
    inside = low + (1 - 2 * low) * torch.special.ndtr(z.double())
    return torch.special.ndtri(inside).clamp(-threshold, threshold).to(z.dtype)


def straight(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Interpolate linearly: a + t (b - a), (T, dim), for t (T,) in [0, 1]."""
    return torch.lerp(a, b, t[:, None])


def great_circle(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Interpolate along the great circle from a to b, (T, dim), which keeps norms typical of latents (White 2016)."""
    angle = torch.acos((normalize(a, dim=0) @ normalize(b, dim=0)).clamp(-1, 1))
    if angle.sin() < 1e-6:
        return straight(a, b, t)
    t = t[:, None]
    return ((1 - t) * angle).sin() / angle.sin() * a + (t * angle).sin() / angle.sin() * b
