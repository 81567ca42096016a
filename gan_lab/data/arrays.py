"""Data sets that are tensors: in memory, or a file mapped into it."""

import hashlib
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset


class Arrays(Dataset[tuple[Tensor, Tensor | None]]):
    """Samples and labels that lie ready.

    Args:
        images: uint8 (N, C, H, W), or float32 points (N, 2, 1, 1).
        labels: int64 (N,), or None.
    """

    def __init__(self, images: Tensor, labels: Tensor | None = None) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        """N."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor | None]:
        """One sample and its label."""
        return self.images[index], None if self.labels is None else self.labels[index]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor | None]:
        """A batch, for which the DataLoader asks; copies whole rows, ten times as fast as ``images[indices]``."""
        rows = torch.tensor(indices)
        return self.images.index_select(0, rows), None if self.labels is None else self.labels.index_select(0, rows)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """The hashes of all pixels and labels, the same as those of prepared files."""
        labels = torch.empty(0, dtype=torch.int64) if self.labels is None else self.labels
        return {"sha256": {str(part.dtype)[6:]: _sha256(part) for part in (self.images, labels)}}


def _sha256(array: Tensor) -> str:
    return hashlib.sha256(array.contiguous().numpy().data).hexdigest()


class Source(Protocol):
    """What synthetic samples are drawn from."""

    def sample(self, n: int, seed: int) -> tuple[Tensor, Tensor]:
        """Samples (n, C, H, W) and labels (n,)."""


def sampled(layout: Source, n: int, seed: int) -> Arrays:
    """``n`` samples of a layout, always the same ones for a seed."""
    return Arrays(*layout.sample(n, seed))
