"""The exponential moving average of G's weights: the generator that is evaluated, sampled and shipped."""

from typing import cast

import torch
from torch import Tensor, nn


def decay(step_images: int, images_seen: int, half_life_kimg: float, ramp: float | None) -> float:
    """Return the weight of the old average in one update (Karras 2020, StyleGAN2-ADA).

    Args:
        step_images: real images between two updates.
        images_seen: real images so far.
        half_life_kimg: thousands of images after which a weight counts half; 0 copies G.
        ramp: the half-life is at most this share of ``images_seen``, so that early weights are soon forgotten; None: no ramp.
    """
    half_life = half_life_kimg * 1000
    if ramp is not None:
        half_life = min(half_life, images_seen * ramp)
    return 0.5 ** (step_images / half_life) if half_life > 0 else 0.0


class Average:
    """A moving average of a network: parameters are averaged and buffers copied.

    Spectral-norm vectors must not be mixed, and BatchNorm averages itself. The tensors of both are listed once, for a walk over
    modules at each step takes as long as the update.

    Args:
        average: of the form of ``module``; changed in place.
        module: the network.
    """

    def __init__(self, average: nn.Module, module: nn.Module) -> None:
        self.old, self.new = (cast(list[Tensor], list(each.parameters())) for each in (average, module))
        # By type, for torch has one kernel for many of a type
        self.buffers: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
        for old, new in zip(average.buffers(), module.buffers(), strict=True):
            olds, news = self.buffers.setdefault(old.dtype, ([], []))
            olds.append(old)
            news.append(new)

    @torch.no_grad()
    def update(self, decay: float | Tensor) -> None:
        """Update the average, whose old values count ``decay``, a number or a scalar on their device."""
        if isinstance(decay, Tensor):
            differences = cast(list[Tensor], torch._foreach_sub(self.new, self.old))
            torch._foreach_mul_(differences, 1 - decay)
            torch._foreach_add_(self.old, differences)
        else:
            torch._foreach_lerp_(self.old, self.new, 1 - decay)
        for olds, news in self.buffers.values():
            torch._foreach_copy_(olds, news)
