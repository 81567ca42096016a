"""Move images by affine maps: whole pixels exactly, all else antialiased (Karras 2020, appendix B of arXiv 2006.06676).

A map is a homogeneous matrix (N, 3, 3) from a pixel (x, y, 1) of the result to its source in the image (N, C, H, W), in pixels
from the centre. Beyond its border an image goes on as its mirror image. All of it is linear in the images and has as many
derivatives as are asked for; no shape depends on a value.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, grid_sample, pixel_shuffle, pixel_unshuffle

SYM6 = (0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
        0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
        0.0017677118642428036, -0.007800708325034148)  # fmt: skip
"""Low-pass filter of the symlet wavelet of six vanishing moments, orthonormal to its own shifts by two (Daubechies 1992)."""

CENTRE = sum(i * tap for i, tap in enumerate(SYM6)) / sum(SYM6)
"""The place of a pixel among its taps: 5.1. Halves (5.5) would move what is mirrored or turned by two fifths of a pixel."""

MARGIN = len(SYM6) // 4
"""Pixels that the filter reaches beyond each border."""


def compose(first: Tensor, second: Tensor) -> Tensor:
    """Return first @ second, matrices (N, K, K): exact for whole numbers, where a GPU may round a matrix product to TF32."""
    return (first[..., None] * second[:, None]).sum(2)


def reflected(positions: Tensor, size: int) -> Tensor:
    """Fold positions into [0, size - 1], at the centres of the first and the last pixel."""
    period = max(1, 2 * (size - 1))
    folded = positions.remainder(period)
    return torch.minimum(folded, period - folded).clamp(max=size - 1)


def sources(matrix: Tensor, lines: Sequence[Tensor], size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the row and the column, each (N, R, C), where a map finds a result's rows (R,) and columns (C,).

    Args:
        matrix: the map.
        lines: the rows and the columns, in pixels from the first.
        size: height and width of the images.
    """
    middle_y, middle_x = ((side - 1) / 2 for side in size)
    y, x = (lines[0] - middle_y)[:, None], lines[1] - middle_x
    (xx, xy, dx), (yx, yy, dy) = (matrix[:, i, :, None, None].unbind(1) for i in (0, 1))
    return yx * x + yy * y + dy + middle_y, xx * x + xy * y + dx + middle_x


def moved(x: Tensor, matrix: Tensor) -> Tensor:
    """Move whole pixels by a map of pixels to pixels (flip, quarter turn of a square, whole shift), their values unchanged."""
    n, channels, height, width = x.shape
    lines = [torch.arange(side, device=x.device, dtype=matrix.dtype) for side in (height, width)]
    row, column = (place.round().long() for place in sources(matrix, lines, (height, width)))
    pixels = (reflected(row, height) * width + reflected(column, width)).view(n, 1, -1).expand(-1, channels, -1)
    return x.flatten(2).gather(2, pixels).view(x.shape)


def phases() -> Tensor:
    """Return the four phases of `SYM6` in two dimensions, (4, 6, 6): its even and its odd taps down, by the same across."""
    rows = torch.tensor(SYM6).view(-1, 2).T
    return torch.einsum("ai,bj->abij", rows, rows).flatten(0, 1)


def resampled(x: Tensor, matrix: Tensor, filters: Tensor) -> Tensor:
    """Move by any affine map: double the resolution, interpolate there bilinearly, and halve it.

    Both times by ``filters``, the `phases`. They are orthonormal, so that the identity changes nothing but by rounding.
    """
    n, channels, *size = x.shape
    rows, columns = (reflected(torch.arange(-2 * MARGIN, side + 2 * MARGIN, device=x.device), side) for side in size)
    padded = x.index_select(2, rows).index_select(3, columns).reshape(n * channels, 1, len(rows), len(columns))
    fine = pixel_shuffle(conv2d(padded, filters.flip(1, 2)[:, None]), 2)  # its first line is the eleventh of the whole product
    fine = fine.view(n, channels, *fine.shape[2:])
    lines = [(torch.arange(2 * side + len(SYM6) - 2, device=x.device, dtype=x.dtype) - CENTRE) / 2 for side in size]
    places = zip(sources(matrix, lines, size), size, fine.shape[2:], strict=True)
    row, column = ((2 * (_folded(place, side) + 1) + CENTRE) * 2 / (end - 1) - 1 for place, side, end in places)
    fine = _Interpolation.apply(fine, torch.stack([column, row], 3)).reshape(n * channels, 1, *row.shape[1:])
    return conv2d(pixel_unshuffle(fine, 2), filters[None]).view(x.shape)


def _folded(places: Tensor, size: int) -> Tensor:
    """Fold places beyond the margin alone, within which the doubled image has its mirror image already."""
    return torch.where((places < -MARGIN) | (places > size - 1 + MARGIN), reflected(places, size), places)


class _Interpolation(torch.autograd.Function):
    """Bilinear interpolation of images at a grid: linear in the images, so its derivative is its transpose.

    torch's own has second derivatives in its latest versions alone (pytorch#34704).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Tensor) -> Tensor:
        """Interpolate."""
        ctx.save_for_backward(grid)
        ctx.shape = x.shape
        return grid_sample(x, grid, align_corners=True)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Apply the transpose."""
        return _Transpose.apply(gradients[0], *ctx.saved_tensors, ctx.shape), None


class _Transpose(torch.autograd.Function):
    """The transpose of `_Interpolation`, whose derivative is that again."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        """Differentiate an interpolation of zeros."""
        ctx.save_for_backward(grid)
        with torch.enable_grad():
            x = y.new_zeros(shape, requires_grad=True)
            return torch.autograd.grad(grid_sample(x, grid, align_corners=True), x, y)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Interpolate."""
        return _Interpolation.apply(gradients[0], *ctx.saved_tensors), None, None
