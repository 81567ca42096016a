"""How good the samples are: scores that choose a checkpoint and stand in a run's summary.

A metric is a plain object that a callback holds, never part of a LightningModule: nothing of it enters checkpoints,
precision casts, EMA or DDP. It works in float64, so that neither autocast nor TF32 changes a score.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from gan_lab.errors import InputError, pick


class Metric(Protocol):
    """What a callback may ask of a metric.

    Images are floats (N, C, H, W) in [-1, 1], points (N, 2, 1, 1). Each process feeds its own shard of the samples;
    `compute` and `floor` add up all shards, so every process must call them.

    Attributes:
        better: "min" or "max", for each score that `compute` may give and that says which samples are better.
        primary: the score that chooses the best checkpoint.
        mode: "min" or "max", for it.
    """

    better: Mapping[str, str]
    primary: str
    mode: str

    def to(self, device: torch.device | str) -> None:
        """Work on this device from now on."""

    def update_reference(self, real: Tensor) -> None:
        """Add training reals: what the samples are compared with, once per run."""

    def update_held_out(self, real: Tensor, y: Tensor | None = None) -> None:
        """Add held-out reals, and labels (N,) if there are any: what a perfect generator would make, once per run."""

    def update(self, fake: Tensor, y: Tensor | None = None) -> None:
        """Add samples of the generator, and the labels (N,) that it was asked for."""

    def compute(self) -> dict[str, float]:
        """The scores of the samples since `reset`: finite; a score without a value is left out."""

    def floor(self) -> dict[str, float]:
        """The same scores for the held-out reals; empty when there are none."""

    def reset(self) -> None:
        """Forget the samples; keep the reals."""

    def protocol(self) -> dict[str, Any]:
        """What a reader must know to compare the last scores with others: counts, splits, extractor."""


def check_primary(better: Mapping[str, str], primary: str, mode: str) -> None:
    """Refuse a primary score that does not exist, and a mode that would keep its worst checkpoint.

    Args:
        better: "min" or "max" for each score of the metric.
        primary: the chosen score.
        mode: the chosen direction.
    """
    if mode != pick(better, primary, "metric.primary"):
        raise InputError(f"metric.mode={mode} would keep the worst {primary}: set metric.mode={better[primary]}")
