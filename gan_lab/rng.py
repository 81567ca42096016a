"""Random numbers that are a function of position, not of history.

Everything random is drawn from a generator seeded by (seed, stream, position). So nothing has to be saved to resume
exactly, and the number of workers or processes does not change what is drawn.
"""

import hashlib
from collections.abc import Iterable
from enum import IntEnum

import torch
from torch import Tensor


class Stream(IntEnum):
    """What a draw is for: two streams never share a number."""

    STEP = 0  # latents, mixing weights and augmentations of a training step
    LAYERS = 1  # torch's global generator: dropout and noise inside networks
    DATA = 2  # flips and dequantisation
    ORDER = 3  # the order of the samples
    SAMPLE = 4  # what `gan_lab.sample` and the sample grids show
    VALIDATION = 5  # latents that choose the best checkpoint
    FINAL = 6  # latents that judge it: no checkpoint was chosen by them


def key(*position: int) -> int:
    """A 63-bit seed for a position such as (seed, stream, step): a hash, so that neighbours are unrelated."""
    text = ",".join(map(str, position)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def make_generator(*position: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator seeded by a position."""
    return torch.Generator(device).manual_seed(key(*position))


class StepRNG:
    """The draws of one training step: made for the whole global batch in one order, of which a rank keeps its rows.

    Args:
        position: the seed, the stream and the step.
        device: where the numbers are made.
        rank: this process.
        world_size: number of processes.
    """

    def __init__(self, *position: int, device: torch.device | str = "cpu", rank: int = 0, world_size: int = 1) -> None:
        self.generator = make_generator(*position, device=device)
        self.device, self.rank, self.world_size = device, rank, world_size

    def _rows(self, draws: Tensor) -> Tensor:
        rows = len(draws) // self.world_size
        return draws[self.rank * rows : (self.rank + 1) * rows]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers; ``shape`` begins with this rank's number of rows."""
        rows, *rest = shape
        draws = torch.randn(rows * self.world_size, *rest, generator=self.generator, device=self.device)
        return self._rows(draws)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1); ``shape`` begins with this rank's number of rows."""
        rows, *rest = shape
        draws = torch.rand(rows * self.world_size, *rest, generator=self.generator, device=self.device)
        return self._rows(draws)


class SampleRNG:
    """Draws of which row i is keyed by ``(*position, indices[i])``: the same bit for bit on any batch size or device."""

    def __init__(self, *position: int, indices: Iterable[int]) -> None:
        self.generators = [make_generator(*position, index) for index in indices]

    def normal(self, rows: int, *shape: int) -> Tensor:
        """Standard normal numbers (rows, *shape)."""
        return torch.stack([torch.randn(shape, generator=g) for g in self.generators[:rows]])

    def uniform(self, rows: int, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), (rows, *shape)."""
        return torch.stack([torch.rand(shape, generator=g) for g in self.generators[:rows]])
