"""The exponential moving average of G's weights: the generator that is evaluated, sampled and shipped."""

import torch
from torch import nn


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
def update(average: nn.Module, module: nn.Module, decay: float) -> None:
    """Average the parameters and copy the buffers: spectral-norm vectors must not be mixed, and BatchNorm averages itself."""
    torch._foreach_lerp_(list(average.parameters()), list(module.parameters()), 1 - decay)
    for old, new in zip(average.buffers(), module.buffers(), strict=True):
        old.copy_(new)
