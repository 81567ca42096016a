"""The residual pair of WGAN-GP and SNGAN (Gulrajani 2017, Miyato 2018).

As in pfnet-research/sngan_projection. Supports every size b 2^k with b from 4 to 7 and k at least 1; and images that are not
square, whose shorter side is one of these, and counts below, and whose longer one is a multiple of 2^k. With ``width`` w:

- Up to 32x32, as for CIFAR-10: G has w = 256 channels throughout; D has four blocks of w = 128, and the first two halve.
- Above, as for STL-10 (48x48) and ImageNet (64x64, 128x128): channels are w = 64 times 1, 2, 4, 8, 16, 16, ... from the
  image inwards; D has k + 1 blocks, at least five, and the first five halve.

G starts from a b x b map and doubles it k times. D halves even maps only. The logit is linear in the sum of the last map over
its positions, as in SNGAN (WGAN-GP takes the mean).

In mimicry, a reimplementation of many tables, G upsamples bilinearly (``up="bilinear"``), biases start as torch's
(``init="torch_bias"``) and an in-place ReLU reaches the shortcuts of D (``rectify_shortcut=True``).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.functional import interpolate

from gan_lab.errors import InputError, pick
from gan_lab.network import layers
from gan_lab.ranges import BelowOne, Sides, Size
from gan_lab.sizes import height_and_width

UPS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "nearest": partial(interpolate, scale_factor=2),
    "bilinear": partial(interpolate, scale_factor=2, mode="bilinear"),
}
Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)
RESIDUAL_GAIN = math.sqrt(2)  # initial gain of the convolutions in a residual branch; 1 elsewhere (SNGAN's code)


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, H, W) in [-1, 1].

    Args:
        latent_dim: size of z.
        channels: number of image channels.
        image_size: height and width, as one number or [H, W].
        width: w above; None: the published width for this size.
        norm: a key of `layers.NORMS`, before every activation.
        num_classes: number of labels that condition the blocks' BatchNorm (Miyato & Koyama 2018); None: unconditional.
        up: upsampling in trunk and shortcut, a key of `UPS`.
        init: initial weights, a key of `layers.INITS`; None: SNGAN's, Glorot's with a gain of sqrt(2) in residual branches.
    """

    takes_rectangles = True

    def __init__(
        self,
        latent_dim: Size,
        channels: Size,
        image_size: Sides,
        width: Size | None = None,
        norm: str = "batch",
        num_classes: Size | None = None,
        up: str = "nearest",
        init: str | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes if norm == "batch" else None
        *self.base, doublings = layers.base_map(image_size, "resnet")
        widths = _widths(min(height_and_width(image_size)), doublings + 1, width, constant=256)[::-1]
        self.latent_dim, self.widths = latent_dim, widths
        self.input = _glorot(nn.Linear(latent_dim, widths[0] * math.prod(self.base)))
        self.blocks = nn.ModuleList(UpBlock(c_in, c_out, norm, num_classes, up) for c_in, c_out in pairwise(widths))
        self.norm = layers.norm(norm, widths[-1])
        self.output = _conv(widths[-1], channels, 3)
        layers.initialise(self, init)
        layers.normalise_weights(self, norm)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate images from latents and, with ``num_classes``, labels (N,)."""
        h = self.input(z).view(z.shape[0], -1, *self.base)
        for block in self.blocks:
            h = block(h, y)
        return self.output(self.norm(h).relu()).tanh()


class Discriminator(nn.Module):
    """Images (N, channels, H, W) -> logits (N,).

    Args:
        channels: number of image channels.
        image_size: height and width, as one number or [H, W].
        width: w above; None: the published width for this size.
        norm: a key of `layers.NORMS`, before the activations of every block but the first.
        dropout: dropout probability of a block's output: a number for every block but the first, or a list for the last
            blocks; 0.2, 0.5, 0.5 in CT-GAN (Wei 2018, the authors' code).
        rectify_shortcut: apply the first ReLU of a block to its shortcut too.
        init: see `Generator`.
    """

    takes_rectangles = True

    def __init__(
        self,
        channels: Size,
        image_size: Sides,
        width: Size | None = None,
        norm: str = "none",
        dropout: BelowOne | Sequence[BelowOne] = 0.0,
        rectify_shortcut: bool = False,
        init: str | None = None,
    ) -> None:
        super().__init__()
        *_, doublings = layers.base_map(image_size, "resnet")
        sides = height_and_width(image_size)
        n_blocks, n_halving = (4, 2) if min(sides) <= 32 else (max(5, doublings + 1), 5)
        n_halving = math.gcd(*sides, 2**n_halving).bit_length() - 1  # only even maps
        widths = _widths(min(sides), n_blocks, width, constant=128)
        shares = _shares(dropout, n_blocks)
        blocks = [
            ResidualBlock(c_in, c_out, norm, i < n_halving, shares[i], rectify_shortcut)
            for i, (c_in, c_out) in enumerate(pairwise(widths), 1)
        ]
        self.blocks = nn.Sequential(FirstBlock(channels, widths[0]), *blocks)
        self.num_features, self.widths = widths[-1], widths
        self.output = _glorot(nn.Linear(widths[-1], 1))
        layers.initialise(self, init)
        layers.normalise_weights(self, norm)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the last map after ReLU, summed over its positions: (N, channels)."""
        return self.blocks(x).relu().sum((2, 3))

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features."""
        return self.output(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x), y)


class UpBlock(nn.Module):
    """Residual block that upsamples: (N, c_in, H, W) -> (N, c_out, 2H, 2W).

    A 1x1 convolution commutes with upsampling, so it runs first, on a quarter of the positions; the same holds for the
    average pooling in `ResidualBlock`.
    """

    def __init__(self, c_in: int, c_out: int, norm: str, num_classes: int | None = None, up: str = "nearest") -> None:
        super().__init__()
        self.up = pick(UPS, up, "up")
        self.norm1, self.conv1 = layers.norm(norm, c_in, num_classes), _conv(c_in, c_out, 3, RESIDUAL_GAIN)
        self.norm2, self.conv2 = layers.norm(norm, c_out, num_classes), _conv(c_out, c_out, 3, RESIDUAL_GAIN)
        self.shortcut = _conv(c_in, c_out, 1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Add norm, ReLU, upsampling, convolution, norm, ReLU, convolution to the shortcut."""
        h = self.conv1(self.up(layers.normalised(self.norm1, x, y).relu()))
        h = self.conv2(layers.normalised(self.norm2, h, y).relu())
        return h + self.up(self.shortcut(x))


class ResidualBlock(nn.Module):
    """Residual block: (N, c_in, H, W) -> (N, c_out, H, W), or half the height and width."""

    def __init__(
        self, c_in: int, c_out: int, norm: str, halve: bool, dropout: float = 0.0, rectify_shortcut: bool = False
    ) -> None:
        super().__init__()
        self.norm1, self.conv1 = layers.norm(norm, c_in), _conv(c_in, c_in, 3, RESIDUAL_GAIN)
        self.norm2, self.conv2 = layers.norm(norm, c_in), _conv(c_in, c_out, 3, RESIDUAL_GAIN)
        self.pool = nn.AvgPool2d(2) if halve else nn.Identity()
        self.shortcut = _conv(c_in, c_out, 1) if halve or c_in != c_out else nn.Identity()
        self.dropout, self.rectify_shortcut = nn.Dropout(dropout), rectify_shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Add norm, ReLU, convolution, norm, ReLU, convolution, pooling to the shortcut; apply dropout to the sum."""
        if self.rectify_shortcut:
            x = x.relu()
        h = self.conv1(self.norm1(x).relu())
        h = self.conv2(self.norm2(h).relu())
        return self.dropout(self.pool(h) + self.shortcut(self.pool(x)))


class FirstBlock(nn.Module):
    """Residual block on an image, without norms or a first activation: (N, c_in, 2H, 2W) -> (N, c_out, H, W)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _conv(c_in, c_out, 3, RESIDUAL_GAIN), _conv(c_out, c_out, 3, RESIDUAL_GAIN)
        self.pool = nn.AvgPool2d(2)
        self.shortcut = _conv(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Add convolution, ReLU, convolution, pooling to the shortcut."""
        return self.pool(self.conv2(self.conv1(x).relu())) + self.shortcut(self.pool(x))


def _widths(image_size: int, n: int, width: int | None, constant: int) -> list[int]:
    """Return the channels of ``n`` maps, from the image inwards."""
    if image_size <= 32:
        return [width or constant] * n
    return [(width or 64) * min(2**i, 16) for i in range(n)]


def _shares(dropout: float | Sequence[float], n: int) -> list[float]:
    """Return the dropout probability of each of ``n`` blocks: 0 for the first; a list gives those of the last blocks."""
    if not isinstance(dropout, Sequence):
        return [0.0] + [dropout] * (n - 1)
    if len(dropout) >= n:
        raise InputError(
            f"network.discriminator.dropout={list(dropout)} has more numbers than there are blocks after the first: "
            f"give at most {n - 1}"
        )
    return [0.0] * (n - len(dropout)) + list(dropout)


def _conv(c_in: int, c_out: int, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    return _glorot(nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2), gain)


def _glorot(layer: Layer, gain: float = 1.0) -> Layer:
    """Initialise weights uniformly with variance gain^2 * 2 / (fan in + fan out) and biases to 0."""
    weight, bias = layer.parameters()
    nn.init.xavier_uniform_(weight, gain)
    nn.init.zeros_(bias)
    return layer
