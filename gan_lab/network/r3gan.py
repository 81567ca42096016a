"""R3GAN's pair (Huang 2024, https://arxiv.org/abs/2501.05441), as in brownvc/R3GAN: residual blocks without norms.

Supports every size b 2^k with b from 4 to 7 and k at least 1 (published: 32, 64, 256). With ``width`` w, maps have w channels
up to the third doubling (32x32), and half as many after each further one; w = 768 gives the published networks for CIFAR-10,
FFHQ-64 and FFHQ-256. A list of widths, from the b x b map to the image, gives others: ImageNet-64 has
[1536, 1536, 1536, 1536, 1536] and ``group_width`` 32. Every map passes through ``blocks`` residual blocks. Resampling filters
doubled pixels with [1, 2, 1] and pads with zeros. Initial weights preserve the variance; the last of each block are 0.

Under ``trainer.precision=bf16-mixed`` all maps but the smallest have 16 bits, in R1 and R2 too, as in the authors' code.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu

from gan_lab.cli.words import count
from gan_lab.errors import InputError
from gan_lab.network import layers
from gan_lab.network.equalized import precision
from gan_lab.ranges import Depth, Size

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)
LEAKY_GAIN = math.sqrt(2 / (1 + 0.2**2))  # preserves the variance through LeakyReLU(0.2)


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, image_size, image_size).

    Unbounded in training, as published; clamped to [-1, 1] in evaluation, as the authors do before saving or evaluating.

    Args:
        latent_dim: size of z.
        channels: number of image channels.
        image_size: height and width.
        width: w above, or the channels of each map, from the first to the image.
        blocks: residual blocks per map.
        group_width: channels per group of the 3x3 convolutions, or its largest divisor that fits.
        num_classes: number of labels, whose embedding is concatenated to z; None: unconditional.
    """

    def __init__(
        self,
        latent_dim: Size,
        channels: Size,
        image_size: Size,
        width: Size | Sequence[Size] = 768,
        blocks: Depth = 2,
        group_width: Size = 16,
        num_classes: Size | None = None,
    ) -> None:
        super().__init__()
        base, widths = _base_and_widths(image_size, width)
        self.latent_dim, self.num_classes = latent_dim, num_classes
        if num_classes is not None:
            self.embedding = _embedding(num_classes, latent_dim)
        inputs = latent_dim if num_classes is None else 2 * latent_dim
        self.basis, self.blocks = nn.Parameter(torch.randn(widths[0], base, base)), blocks
        self.input = _scaled(nn.Linear(inputs, widths[0], bias=False))
        self.layers = _trunk(widths, _doubled, blocks, group_width)
        self.output = _pointwise(widths[-1], channels)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate images from latents and, with ``num_classes``, labels (N,)."""
        if self.num_classes is not None:
            z = torch.cat([z, self.embedding(y)], 1)
        with precision(z, half=False):
            maps = _applied([*self.layers][: self.blocks], self.basis * self.input(z.to(self.basis))[..., None, None])
        images = self.output(_applied([*self.layers][self.blocks :], maps))
        return images if self.training else images.clamp(-1, 1)


class Discriminator(nn.Module):
    """Images (N, channels, image_size, image_size) -> logits (N,).

    Attributes:
        bf16_stages: whether penalties that may follow autocast do so.

    Args:
        channels: number of image channels.
        image_size: height and width.
        width: as in `Generator`, in the same order.
        blocks: residual blocks per map.
        group_width: as in `Generator`.
        num_classes: number of labels, whose embedding is multiplied with the output; None: unconditional.
    """

    bf16_stages = True

    def __init__(
        self,
        channels: Size,
        image_size: Size,
        width: Size | Sequence[Size] = 768,
        blocks: Depth = 2,
        group_width: Size = 16,
        num_classes: Size | None = None,
    ) -> None:
        super().__init__()
        base, widths = _base_and_widths(image_size, width)
        widths, self.blocks = widths[::-1], blocks
        self.input = _pointwise(channels, widths[0])
        self.layers = _trunk(widths, _halved, blocks, group_width)
        self.num_features, self.num_classes = widths[-1], num_classes
        self.basis = _scaled(nn.Conv2d(widths[-1], widths[-1], base, groups=widths[-1], bias=False))
        self.output = _scaled(nn.Linear(widths[-1], 1 if num_classes is None else widths[-1], bias=False))
        if num_classes is not None:
            self.embedding = _embedding(num_classes, widths[-1], gain=widths[-1] ** -0.5)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the weighted sum of the last map over its positions: (N, channels)."""
        maps = _applied([*self.layers][: -self.blocks], self.input(x))
        with precision(x, half=False):
            return self.basis(_applied([*self.layers][-self.blocks :], maps.to(self.basis.weight))).flatten(1)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features and, with ``num_classes``, labels (N,)."""
        with precision(features, half=False):
            output = self.output(features)
        if self.num_classes is None:
            return output.squeeze(1)
        if y is None:
            raise InputError(
                f"network.discriminator.num_classes={self.num_classes} makes D conditional, but this model passes no labels: "
                "use network.discriminator.num_classes=null"
            )
        return (output * self.embedding(y)).sum(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x), y)


class R3Block(nn.Module):
    """Residual block: 1x1 to twice the channels, grouped 3x3, 1x1 back; initially the identity.

    Args:
        channels: channels of the map.
        group_width: channels per group, or its largest divisor that fits.
        n_blocks: blocks in the network; this depth scales the initial weights (Zhang 2019, Fixup).
    """

    def __init__(self, channels: int, group_width: int, n_blocks: int) -> None:
        super().__init__()
        inner, gain = 2 * channels, LEAKY_GAIN * n_blocks**-0.25
        groups = inner // math.gcd(inner, group_width)
        self.expand = _scaled(nn.Conv2d(channels, inner, 1), gain)
        self.grouped = _scaled(nn.Conv2d(inner, inner, 3, padding=1, groups=groups), gain)
        self.reduce = _scaled(nn.Conv2d(inner, channels, 1, bias=False), gain=0)

    def forward(self, x: Tensor) -> Tensor:
        """Add convolution, LeakyReLU, convolution, LeakyReLU, convolution to maps (N, channels, H, W)."""
        return x + self.reduce(leaky_relu(self.grouped(leaky_relu(self.expand(x), 0.2)), 0.2))


class Double(nn.Module):
    """Upsampling: (N, C, H, W) -> (N, C, 2H, 2W)."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", _kernel() * 4, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Insert zeros between the pixels, then filter."""
        return conv_transpose2d(x, self.kernel.expand(x.shape[1], 1, 4, 4), stride=2, padding=1, groups=x.shape[1])


class Halve(nn.Module):
    """Downsampling: (N, C, 2H, 2W) -> (N, C, H, W)."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", _kernel(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Filter at every second pixel."""
        return conv2d(x, self.kernel.expand(x.shape[1], 1, 4, 4), stride=2, padding=1, groups=x.shape[1])


def _applied(stack: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Apply layers in turn."""
    for layer in stack:
        x = layer(x)
    return x


def _kernel() -> Tensor:
    """Return [1, 2, 1] convolved with a doubled pixel, in both directions, with sum 1."""
    row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    return torch.outer(row, row)


def _base_and_widths(image_size: int, width: int | Sequence[int]) -> tuple[int, list[int]]:
    """Return the size of the first map and the channels of all maps, from the first to the image."""
    base, doublings = layers.base_and_doublings(image_size, "r3gan")
    if isinstance(width, int):
        return base, [max(width >> max(i - 3, 0), 1) for i in range(doublings + 1)]
    if len(width) != doublings + 1:
        maps = [base * 2**i for i in range(doublings + 1)]
        raise InputError(
            f"width={list(width)} must give the channels of each map of network=r3gan at data.image_size={image_size}, "
            f"whose sizes are {maps}: use {count(len(maps), 'number')}"
        )
    return base, list(width)


def _trunk(
    widths: list[int], transition: Callable[[int, int], list[nn.Module]], blocks: int, group_width: int
) -> nn.Sequential:
    """Stack blocks on every map, with a transition between maps."""
    stack: list[nn.Module] = []
    for c_in, c_out in pairwise([widths[0], *widths]):
        stack += transition(c_in, c_out) if stack else []
        stack += [R3Block(c_out, group_width, blocks * len(widths)) for _ in range(blocks)]
    return nn.Sequential(*stack)


def _doubled(c_in: int, c_out: int) -> list[nn.Module]:
    return [*_changed(c_in, c_out), Double()]


def _halved(c_in: int, c_out: int) -> list[nn.Module]:
    return [Halve(), *_changed(c_in, c_out)]


def _changed(c_in: int, c_out: int) -> list[nn.Module]:
    """Return a 1x1 convolution if the number of channels changes."""
    return [] if c_in == c_out else [_pointwise(c_in, c_out)]


def _pointwise(c_in: int, c_out: int) -> nn.Conv2d:
    return _scaled(nn.Conv2d(c_in, c_out, 1, bias=False))


def _embedding(num_classes: int, dim: int, gain: float = 1.0) -> nn.Embedding:
    """Make an embedding initialised like a linear layer on one-hot labels."""
    embedding = nn.Embedding(num_classes, dim)
    nn.init.normal_(embedding.weight, std=gain / math.sqrt(num_classes))
    return embedding


def _scaled(layer: Layer, gain: float = 1.0) -> Layer:
    """Initialise weights from a normal of variance gain^2 / fan in and biases to 0."""
    nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
