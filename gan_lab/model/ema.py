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


@torch.no_grad()
def update(average: nn.Module, module: nn.Module, decay: float | Tensor) -> None:
    """Average the parameters and copy the buffers: spectral-norm vectors must not be mixed, and BatchNorm averages itself.

    Args:
        average: changed in place.
        module: of the same form.
        decay: weight of the old average, a number or a scalar on its device.
    """
    old, new = (cast(list[Tensor], list(each.parameters())) for each in (average, module))
    if isinstance(decay, Tensor):
        differences = cast(list[Tensor], torch._foreach_sub(new, old))
        torch._foreach_mul_(differences, 1 - decay)
        torch._foreach_add_(old, differences)
    else:
        torch._foreach_lerp_(old, new, 1 - decay)
    if buffers := list(average.buffers()):
        torch._foreach_copy_(buffers, list(module.buffers()))
