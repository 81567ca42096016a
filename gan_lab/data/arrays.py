"""Data sets of tensors, in memory or mapped from files; they serve whole batches without worker processes."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from gan_lab.data.survey import SourceFacts
from gan_lab.ranges import Rows

RESIDENT = 1 / 32
"""Share of a GPU's memory that the arrays of a training set may take."""


class Arrays(Dataset[tuple[Tensor, Tensor | None]]):
    """Samples and labels held as tensors.

    Args:
        images: uint8 (N, C, H, W), float32 points (N, 2, 1, 1), or anything else with N rows.
        labels: int64 (N,), or None.
        classes: names of the labels by their numbers; empty: they have none.

    Attributes:
        source: facts of the images before they were converted; None: they were not, or it is not known.
    """

    source: SourceFacts | None = None

    def __init__(self, images: Tensor, labels: Tensor | None = None, classes: Sequence[str] = ()) -> None:
        self.images, self.labels, self.classes = images, labels, list(classes)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor | None]:
        """Return one sample and its label."""
        return self.images[index], None if self.labels is None else self.labels[index]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor | None]:
        """Return a batch to the DataLoader; copying whole rows is ten times as fast as ``images[indices]``.

        NumPy reads a list of numbers four times as fast as torch.
        """
        rows = torch.from_numpy(np.array(indices)).to(self.images.device, non_blocking=True)
        return self.images.index_select(0, rows), None if self.labels is None else self.labels.index_select(0, rows)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """SHA-256 of all pixels and of all labels, equal to the hashes of the same data in prepared files."""
        labels = torch.empty(0, dtype=torch.int64) if self.labels is None else self.labels
        return {"sha256": {str(part.dtype)[6:]: _sha256(part) for part in (self.images, labels)}}


def _sha256(array: Tensor) -> str:
    return hashlib.sha256(array.contiguous().numpy().data).hexdigest()


def placed(dataset: Any, device: torch.device, room: int | None = None) -> Any:
    """Return arrays that fit into ``room`` bytes on a device, whose batches need no copy to it; any other data set as it is.

    Args:
        dataset: any.
        device: of training.
        room: None: `RESIDENT` of a GPU's memory, but at most half of what is free, and nothing on a CPU.
    """
    if getattr(type(dataset), "__getitems__", None) is not Arrays.__getitems__:
        return dataset
    if room is None and device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        room = int(min(RESIDENT * total, free / 2))
    images, labels = dataset.images, dataset.labels
    if images.nbytes + (0 if labels is None else labels.nbytes) > (room or 0):
        return dataset
    return Arrays(images.to(device), None if labels is None else labels.to(device), dataset.classes)


class Distribution(Protocol):
    """A distribution of synthetic samples."""

    def sample(self, n: int, seed: int) -> tuple[Tensor, Tensor]:
        """Draw samples (n, C, H, W) and labels (n,)."""


def sampled(layout: Distribution, n: Rows, seed: int) -> Arrays:
    """Draw a data set of ``n`` samples from a layout; the same seed gives the same samples."""
    return Arrays(*layout.sample(n, seed))
