"""Pixel conversions: uint8 in files and memory, floats in [-1, 1] for networks. Images are (N, C, H, W) or (C, H, W)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def is_image(samples: Tensor) -> bool:
    """Return whether samples are images (N, C, H, W), and not points (N, 2, 1, 1), signals (N, C, L) or vectors (N, F)."""
    return is_image_shape(samples.shape[1:])


def is_image_shape(shape: Sequence[int]) -> bool:
    """Return whether samples of this shape are images."""
    return len(shape) == 3 and shape[-1] > 1


def to_unit(images: Tensor) -> Tensor:
    """Convert uint8 to float32 in [-1, 1]."""
    return images.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """Convert floats in [-1, 1] to uint8, rounding to nearest and clipping; the exact inverse of `to_unit`."""
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def dequantize(images: Tensor, uniform: Tensor) -> Tensor:
    """Convert uint8 to float32 in [-1, 1], uniform within each grey level's bin of width 1/128.

    Computes x / 128 - 1 + U(0, 1/128), as in the published code of WGAN-GP (igul222) and SNGAN. The scale differs from
    `to_unit`'s so that every bin stays in [-1, 1].

    Args:
        images: uint8.
        uniform: numbers in [0, 1), of the shape of ``images``.
    """
    return (images + uniform) / 128 - 1


def flip(images: Tensor, uniform: Tensor) -> Tensor:
    """Mirror left to right each image whose entry of ``uniform`` (N,), in [0, 1), is below 1/2."""
    return torch.where((uniform < 0.5)[:, None, None, None], images.flip(-1), images)


def from_span(samples: Tensor, low: Any, high: Any) -> Tensor:
    """Map values from [low, high] to [-1, 1], in float32.

    Args:
        samples: (N, C, ...) of any type.
        low: a number, or one per channel.
        high: a number, or one per channel.
    """
    low, high = (_per_channel(bound, samples) for bound in (low, high))
    return (samples.float() - low) / (high - low) * 2 - 1


def to_span(samples: Tensor, low: Any, high: Any) -> Tensor:
    """Map values from [-1, 1] to [low, high], the inverse of `from_span`."""
    low, high = (_per_channel(bound, samples) for bound in (low, high))
    return (samples.float() + 1) / 2 * (high - low) + low


def _per_channel(bound: Any, samples: Tensor) -> Tensor:
    """Return numbers (1,) or (C,) in a shape that broadcasts along the channels."""
    return torch.as_tensor(bound, dtype=torch.float32, device=samples.device).view(-1, *[1] * (samples.ndim - 2))
