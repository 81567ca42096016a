"""Random numbers that are a function of position, not of history.

Every draw comes from a generator seeded by (seed, stream, position). So an exact resume needs no saved generator state, and
the number of workers or processes does not change what is drawn.
"""

import hashlib
from collections.abc import Iterable
from enum import IntEnum

import torch
from torch import Tensor


class Stream(IntEnum):
    """Purposes of random draws; different streams are independent."""

    STEP = 0  # latents, mixing weights and augmentations of a training step
    LAYERS = 1  # torch's global generator: dropout and noise inside networks
    DATA = 2  # flips and dequantisation
    ORDER = 3  # order of the samples
    SAMPLE = 4  # latents of `gan_lab.sample` and the sample grids
    VALIDATION = 5  # latents of the metric that selects the best checkpoint
    FINAL = 6  # latents of the final evaluation, which played no part in that selection
    STANDING = 7  # latents of the standing statistics


def key(*position: int) -> int:
    """Hash a position such as (seed, stream, step) to a 63-bit seed, so that neighbouring positions are unrelated."""
    text = ",".join(map(str, position)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def make_generator(*position: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator seeded by a position."""
    return torch.Generator(device).manual_seed(key(*position))


def seed_torch(seed: int, device: torch.device | str) -> None:
    """Seed torch's global generators of the CPU and of this device.

    `torch.manual_seed` seeds all devices, and formats a stack trace for those that are not in use yet: 5 ms at each call.
    """
    torch.default_generator.manual_seed(seed)
    if torch.device(device).type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


class StepRNG:
    """Random numbers of one training step, drawn for the whole global batch; each rank keeps its rows.

    Args:
        position: seed, stream and step.
        device: device of the draws.
        rank: rank of this process.
        world_size: number of processes.
        generator: seeded anew; None makes one.
    """

    def __init__(
        self,
        *position: int,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world_size: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        self.generator = (generator or torch.Generator(device)).manual_seed(key(*position))
        self.device, self.rank, self.world_size = device, rank, world_size

    def _rows(self, draws: Tensor) -> Tensor:
        if self.world_size == 1:
            return draws
        rows = len(draws) // self.world_size
        return draws[self.rank * rows : (self.rank + 1) * rows]

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers; ``shape`` begins with this rank's number of rows."""
        rows, *rest = shape
        draws = torch.randn(rows * self.world_size, *rest, generator=self.generator, device=self.device)
        return self._rows(draws)

    def uniform(self, *shape: int) -> Tensor:
        """Draw uniform numbers in [0, 1); ``shape`` begins with this rank's number of rows."""
        rows, *rest = shape
        draws = torch.rand(rows * self.world_size, *rest, generator=self.generator, device=self.device)
        return self._rows(draws)


class SampleRNG:
    """Random numbers whose row i is seeded by ``(*position, indices[i])``: bit-identical for any batch size and device."""

    def __init__(self, *position: int, indices: Iterable[int]) -> None:
        self.generators = [make_generator(*position, index) for index in indices]

    def normal(self, rows: int, *shape: int) -> Tensor:
        """Draw standard normal numbers (rows, *shape)."""
        return torch.stack([torch.randn(shape, generator=g) for g in self.generators[:rows]])

    def uniform(self, rows: int, *shape: int) -> Tensor:
        """Draw uniform numbers in [0, 1), (rows, *shape)."""
        return torch.stack([torch.rand(shape, generator=g) for g in self.generators[:rows]])
