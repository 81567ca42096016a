"""Counts that add up over processes."""

import torch
from torch import Tensor, distributed


class Histogram:
    """How many samples fall into each of ``bins`` bins.

    Args:
        bins: number of bins.
    """

    def __init__(self, bins: int) -> None:
        self.counts = torch.zeros(bins, dtype=torch.long)

    def to(self, device: torch.device | str) -> None:
        """Count on this device from now on: NCCL adds up only what is on a GPU."""
        self.counts = self.counts.to(device)

    def update(self, index: Tensor) -> None:
        """Count bin numbers (N,)."""
        self.counts = self.counts + torch.bincount(index.to(self.counts.device), minlength=len(self.counts))

    def compute(self) -> Tensor:
        """Counts (bins,) of all processes, each of which must call it."""
        counts = self.counts.clone()
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(counts)
        return counts

    def reset(self) -> None:
        """Start again at 0."""
        self.counts = torch.zeros_like(self.counts)
