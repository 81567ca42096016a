"""ADA's colour transforms (Karras 2020, appendix B of arXiv 2006.06676): maps of a pixel's channels.

A map is a homogeneous matrix (N, C + 1, C + 1) on (c_1, ..., c_C, 1). The luma axis is grey, (1, ..., 1) / sqrt(C).
"""

import math

import torch
from torch import Tensor

from gan_lab.augment.resample import compose


def recolored(x: Tensor, matrix: Tensor) -> Tensor:
    """Map the channels of each pixel of images (N, C, H, W)."""
    return torch.baddbmm(matrix[:, :-1, -1:], matrix[:, :-1, :-1], x.flatten(2)).view(x.shape)


def color_maps(is_due: Tensor, u: Tensor, z: Tensor, channels: int) -> Tensor:
    """Return maps of colours; of one channel, saturation and hue change nothing, and hue needs three.

    Args:
        is_due: whether to add N(0, 0.2^2) to the brightness, to scale the contrast by 2^N(0, 0.5^2), to flip the luma (in half
            of the cases), to rotate the hue by any angle, and to scale the saturation by 2^N(0, 1): (N, 5).
        u: uniform draws (N, 2) in [0, 1).
        z: normal draws (N, 3).
        channels: C.
    """
    brightens, contrasts, flips, hues, saturates = is_due.unbind(1)
    contrast, saturation = torch.exp2(0.5 * z[:, 1] * contrasts), torch.exp2(z[:, 2] * saturates)
    flip = torch.where(flips & (u[:, 0] < 0.5), -1.0, 1.0).to(u.dtype)
    matrix = compose(stretched(contrast, contrast, channels), brightened(0.2 * z[:, 0] * brightens, channels))
    matrix = compose(stretched(flip, torch.ones_like(flip), channels), matrix)
    if channels == 3:
        matrix = compose(rotated((2 * u[:, 1] - 1) * math.pi * hues), matrix)
    return compose(stretched(torch.ones_like(saturation), saturation, channels), matrix)


# ----- maps (N, C + 1, C + 1) by numbers (N,) ------------------------------------------------------------------------------


def brightened(amount: Tensor, channels: int) -> Tensor:
    """Return maps that add the same to each channel."""
    unit = torch.eye(channels + 1, device=amount.device, dtype=amount.dtype)
    shift = torch.zeros_like(unit)
    shift[:-1, -1].fill_(1)
    return unit + amount[:, None, None] * shift


def stretched(along: Tensor, across: Tensor, channels: int) -> Tensor:
    """Return maps that scale colours along the luma axis, and across it.

    Equal scales change the contrast, -1 along it flips the luma, and a scale across it changes the saturation.
    """
    luma = _luma(along, channels)
    others = torch.eye(channels, device=along.device, dtype=along.dtype) - luma
    return _homogeneous(along[:, None, None] * luma + across[:, None, None] * others)


def rotated(angle: Tensor) -> Tensor:
    """Return maps that rotate the colours of three channels about the luma axis (Rodrigues' formula)."""
    luma = _luma(angle, 3)
    others = torch.eye(3, device=angle.device, dtype=angle.dtype) - luma
    cross = (others.roll(1, 0) - others.roll(-1, 0)) / math.sqrt(3)  # v x, for v = (1, 1, 1) / sqrt(3)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return _homogeneous(luma + cos * others + sin * cross)


def _luma(like: Tensor, channels: int) -> Tensor:
    """Return the projection on the luma axis, (C, C)."""
    return torch.full((channels, channels), 1 / channels, device=like.device, dtype=like.dtype)


def _homogeneous(linear: Tensor) -> Tensor:
    """Return (N, C + 1, C + 1) of (N, C, C)."""
    matrix = torch.nn.functional.pad(linear, (0, 1, 0, 1))
    matrix[:, -1, -1].fill_(1)
    return matrix
