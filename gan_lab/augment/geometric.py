"""ADA's geometric transforms (Karras 2020, appendix B of arXiv 2006.06676): maps of pixels as in `gan_lab.augment.resample`."""

import math

import torch
from torch import Tensor

from gan_lab.augment.resample import compose, moved, resampled

FARTHEST = 0.125
"""The farthest whole shift, and the standard deviation of any other, as a share of the height or width."""

SPREAD = 0.2
"""Standard deviation of the logarithm to base 2 of a scale."""


def geometric(x: Tensor, whole: Tensor, general: Tensor, is_general: Tensor, filters: Tensor) -> Tensor:
    """Move images (N, C, H, W) by maps (N, 3, 3) of whole pixels and then, where ``is_general`` (N,), by general ones.

    Both are one resampling, by ``filters``; without a general map, pixels keep their values exactly.
    """
    both = resampled(x, compose(whole, general), filters)
    return torch.where(is_general[:, None, None, None], both, moved(x, whole))


def whole_maps(is_due: Tensor, u: Tensor, height: int, width: int) -> Tensor:
    """Return maps of whole pixels.

    Args:
        is_due: whether to flip left to right (in half of the cases), to rotate by a multiple of 90 degrees (of 180, where the
            image is no square), and to shift by up to an eighth of the size: (N, 3).
        u: uniform draws (N, 4) in [0, 1).
        height: of the images.
        width: of the images.
    """
    flips, turns, shifts = is_due.unbind(1)
    mirror = torch.where(flips & (u[:, 0] < 0.5), -1.0, 1.0).to(u.dtype)
    quarters = (u[:, 1] * 4).floor() if height == width else (u[:, 1] * 2).floor() * 2
    quarters = torch.where(turns, quarters, 0)
    cos, sin = torch.where(quarters % 2 == 0, 1 - quarters, 0), torch.where(quarters % 2 == 1, 2 - quarters, 0)
    across, down = (((2 * v - 1) * FARTHEST * size).round() * shifts for v, size in ((u[:, 2], width), (u[:, 3], height)))
    return compose(compose(scaling(mirror, torch.ones_like(mirror)), turning(cos, sin)), shifting(across, down))


def general_maps(is_due: Tensor, u: Tensor, z: Tensor, height: int, width: int) -> Tensor:
    """Return general maps.

    Args:
        is_due: whether to scale by 2^N(0, 0.2^2), to stretch by s of 2^N(0, 0.2^2) across and 1 / s down, to shift by
            N(0, 0.125^2) of the size, and to rotate by any angle before and after the stretch: (N, 5).
        u: uniform draws (N, 2) in [0, 1).
        z: normal draws (N, 4).
        height: of the images.
        width: of the images.
    """
    scales, stretches, shifts, turns, turns_again = is_due.unbind(1)
    scale, stretch = (torch.exp2(-SPREAD * normal * due) for normal, due in ((z[:, 0], scales), (z[:, 1], stretches)))
    first, second = ((2 * v - 1) * math.pi * due for v, due in ((u[:, 0], turns), (u[:, 1], turns_again)))
    across, down = (FARTHEST * size * normal * shifts for normal, size in ((z[:, 2], width), (z[:, 3], height)))
    ellipse = compose(turning(first.cos(), first.sin()), scaling(stretch, 1 / stretch))
    linear = compose(scaling(scale, scale), compose(ellipse, turning(second.cos(), second.sin())))
    return compose(linear, shifting(across, down))


# ----- maps (N, 3, 3) by numbers (N,) --------------------------------------------------------------------------------------


def scaling(across: Tensor, down: Tensor) -> Tensor:
    """Return maps to places so many times as far from the centre; -1 mirrors."""
    none = torch.zeros_like(across)
    return _affine(across, none, none, none, down, none)


def turning(cos: Tensor, sin: Tensor) -> Tensor:
    """Return maps to places rotated about the centre by an angle with this cosine and sine."""
    none = torch.zeros_like(cos)
    return _affine(cos, -sin, none, sin, cos, none)


def shifting(across: Tensor, down: Tensor) -> Tensor:
    """Return maps that shift images by so many pixels to the right and down."""
    one, none = torch.ones_like(across), torch.zeros_like(across)
    return _affine(one, none, -across, none, one, -down)


def _affine(*entries: Tensor) -> Tensor:
    """Return matrices of their first two rows."""
    none = torch.zeros_like(entries[0])
    return torch.stack([*entries, none, none, none + 1], 1).view(-1, 3, 3)
