"""StyleGAN2's pair (Karras 2020, https://arxiv.org/abs/1912.04958), as in NVlabs/stylegan2-ada-pytorch.

G maps latents to styles w, which modulate its convolutions; the images of all resolutions are added (skip G). D is residual,
with minibatch statistics before its last layers. Sizes: powers of two from 8 on. A map of height r has min(``width``,
``channel_base`` / r) channels: 512 and 32768 are the published networks, 16384 the authors' choice below 512x512.

Under ``trainer.precision=bf16-mixed`` the maps of the ``half_stages`` highest resolutions have 16 bits, and are clamped; the
mapping network, the lower resolutions, the sum of the images and D's last layers stay in float32, as in the authors' code.

Differs from the authors' code: the noise of evaluation is the buffer that theirs keeps too: samples are a function of z.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from gan_lab.network.equalized import (
    EqualizedConv2d,
    EqualizedLinear,
    MinibatchStd,
    activated,
    doubled,
    doubled_conv2d,
    map_channels,
    precision,
)
from gan_lab.network.mapping import LabelMapping, Mapping
from gan_lab.ranges import Count, Depth, Size, Whole


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, image_size, image_size): ``synthesis(mapping(z, y))``.

    Unbounded in training, as published; clamped to [-1, 1] in evaluation.

    Args:
        latent_dim: size of z.
        channels: number of image channels.
        image_size: height and width.
        width: largest number of channels.
        channel_base: number of channels of a map times its height, where that is below ``width``.
        style_dim: size of w.
        mapping_layers: layers of the mapping network: 8, or 2 for CIFAR-10 and small data (Karras 2020, StyleGAN2-ADA).
        half_stages: number of highest resolutions that autocast applies to.
        num_classes: number of labels, whose embedding is concatenated to z; None: unconditional.
    """

    def __init__(
        self,
        latent_dim: Size,
        channels: Size,
        image_size: Size,
        width: Size = 512,
        channel_base: Count = 32768,
        style_dim: Size = 512,
        mapping_layers: Depth = 8,
        half_stages: Whole = 4,
        num_classes: Size | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim, self.num_classes = latent_dim, num_classes
        self.mapping = Mapping(latent_dim, style_dim, mapping_layers, num_classes)
        self.synthesis = Synthesis(style_dim, channels, image_size, width, channel_base, half_stages)

    def forward(
        self,
        z: Tensor,
        y: Tensor | None = None,
        second: Tensor | None = None,
        mixed: Tensor | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Generate images; see `gan_lab.network.mapping.Mapping.styles` for the arguments."""
        with precision(z, half=False):
            w = self.mapping.styles(self.synthesis.num_styles, z, y, second, mixed, truncation)
        return self.render(w)

    def render(self, w: Tensor) -> Tensor:
        """Generate images of the styles w (N, num_styles, style_dim)."""
        images = self.synthesis(w)
        return images if self.training else images.clamp(-1, 1)


class Synthesis(nn.Module):
    """Styles w (N, num_styles, style_dim) -> images (N, channels, image_size, image_size)."""

    def __init__(
        self, style_dim: int, channels: int, image_size: int, width: int, channel_base: int, half_stages: int = 4
    ) -> None:
        super().__init__()
        self.full_stages = image_size.bit_length() - 2 - half_stages
        widths = map_channels(image_size, width, channel_base)
        self.num_styles = 2 * len(widths)
        self.constant = nn.Parameter(torch.randn(widths[0], 4, 4))
        self.conv = StyledConv2d(widths[0], widths[0], style_dim, 4)
        self.to_image = ToImage(widths[0], channels, style_dim)
        self.blocks = nn.ModuleList(
            SynthesisBlock(a, b, channels, style_dim, 8 << k) for k, (a, b) in enumerate(pairwise(widths))
        )

    def forward(self, w: Tensor) -> Tensor:
        """Generate images, the sum of those of all resolutions."""
        with precision(w, half=self.full_stages < 1):
            x = self.conv(self.constant.expand(w.shape[0], -1, -1, -1), w[:, 0])
            images = self.to_image(x, w[:, 1])
        for number, block in enumerate(self.blocks):
            with precision(w, half=self.full_stages < number + 2):
                x, image = block(x, w[:, 2 * number + 1 : 2 * number + 4])
            with precision(w, half=False):
                images = doubled(images) + image
        return images


class SynthesisBlock(nn.Module):
    """Maps (N, c_in, H, W) -> maps and an image of twice the height and width, by three styles each."""

    def __init__(self, c_in: int, c_out: int, channels: int, style_dim: int, height: int) -> None:
        super().__init__()
        self.up = StyledConv2d(c_in, c_out, style_dim, height, double=True)
        self.conv = StyledConv2d(c_out, c_out, style_dim, height)
        self.to_image = ToImage(c_out, channels, style_dim)

    def forward(self, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, c_out, 2H, 2W) and (N, channels, 2H, 2W) of x and the styles w (N, 3, style_dim)."""
        x = self.conv(self.up(x, w[:, 0]), w[:, 1])
        return x, self.to_image(x, w[:, 2])


class StyledConv2d(nn.Module):
    """Modulated 3x3 convolution with demodulation (eq. 1 to 3), noise, bias and LeakyReLU; ``double`` upsamples first."""

    constant_noise: Tensor

    def __init__(self, c_in: int, c_out: int, style_dim: int, height: int, double: bool = False) -> None:
        super().__init__()
        self.style = EqualizedLinear(style_dim, c_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(c_out, c_in, 3, 3))
        self.bias, self.noise_strength = nn.Parameter(torch.zeros(c_out)), nn.Parameter(torch.zeros(()))
        self.register_buffer("constant_noise", torch.randn(height, height))
        self.doubles = double

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return (N, c_out, H, W) or (N, c_out, 2H, 2W) of x (N, c_in, H, W) and w (N, style_dim)."""
        x = modulated(x, self.weight, self.style(w), self.doubles)
        noise = torch.randn_like(x[:, :1]) if self.training else self.constant_noise.to(x.dtype)
        return activated(x + noise * self.noise_strength + self.bias.to(x.dtype)[:, None, None])


class ToImage(nn.Module):
    """Modulated 1x1 convolution without demodulation, (N, c_in, H, W) -> (N, channels, H, W)."""

    def __init__(self, c_in: int, channels: int, style_dim: int) -> None:
        super().__init__()
        self.style = EqualizedLinear(style_dim, c_in, bias=1.0)
        self.weight, self.bias = nn.Parameter(torch.randn(channels, c_in, 1, 1)), nn.Parameter(torch.zeros(channels))
        self.scale = 1 / math.sqrt(c_in)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return an image of x under the styles w (N, style_dim)."""
        styles = (self.style(w) * self.scale).to(x.dtype)
        image = conv2d(x * styles[..., None, None], self.weight.to(x.dtype), self.bias.to(x.dtype))
        return image.to(self.weight.dtype)


def modulated(x: Tensor, weight: Tensor, styles: Tensor, double: bool = False) -> Tensor:
    """Convolve with weights that styles scale, and divide by their norm: outputs of unit variance (eq. 1 and 3).

    The scale of an input channel moves to x and the norm to the result, so that all images share one convolution.

    Args:
        x: (N, c_in, H, W).
        weight: (c_out, c_in, 3, 3).
        styles: (N, c_in).
        double: upsample.
    """
    exact = torch.promote_types(x.dtype, torch.float32)
    norms = (styles.to(exact).square() @ weight.to(exact).square().sum((2, 3)).T + 1e-8).rsqrt()  # (N, c_out)
    x = x * styles.to(x.dtype)[..., None, None]
    x = doubled_conv2d(x, weight.to(x.dtype)) if double else conv2d(x, weight.to(x.dtype), padding=1)
    return x * norms.to(x.dtype)[..., None, None]


class Discriminator(nn.Module):
    """Images (N, channels, image_size, image_size) -> logits (N,).

    Args:
        channels: number of image channels.
        image_size: height and width.
        width: as in `Generator`.
        channel_base: as in `Generator`.
        residual: residual blocks; False: plain ones, as the authors have for CIFAR-10.
        group: images in a group of the minibatch statistics.
        num_classes: number of labels, by whose mapping the output is projected; None: unconditional.
        mapping_layers: layers of that mapping.
        half_stages: number of highest resolutions that autocast applies to.
    """

    def __init__(
        self,
        channels: Size,
        image_size: Size,
        width: Size = 512,
        channel_base: Count = 32768,
        residual: bool = True,
        group: Size = 4,
        num_classes: Size | None = None,
        mapping_layers: Depth = 8,
        half_stages: Whole = 4,
    ) -> None:
        super().__init__()
        widths = map_channels(image_size, width, channel_base)[::-1]
        self.num_features, self.num_classes, self.half_stages = widths[-1], num_classes, half_stages
        self.input = EqualizedConv2d(channels, widths[0], 1)
        self.blocks = nn.ModuleList(HalvingBlock(a, b, residual) for a, b in pairwise(widths))
        self.statistics = MinibatchStd(group)
        self.conv = EqualizedConv2d(widths[-1] + 1, widths[-1], 3)
        self.hidden = EqualizedLinear(widths[-1] * 16, widths[-1])
        self.output = EqualizedLinear(widths[-1], 1 if num_classes is None else widths[-1])
        self.mapping = None if num_classes is None else LabelMapping(num_classes, widths[-1], mapping_layers)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the last hidden layer (N, num_features)."""
        with precision(x, half=self.half_stages > 0):
            h = activated(self.input(x))
        for number, block in enumerate(self.blocks):
            half = number < self.half_stages
            with precision(x, half):
                h = block(h if half else h.to(x.dtype))
        with precision(x, half=False):
            return activated(self.hidden(activated(self.conv(self.statistics(h.to(x.dtype)))).flatten(1)))

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features and, with ``num_classes``, labels (N,)."""
        with precision(features, half=False):
            output = self.output(features)
            if self.mapping is None:
                return output.squeeze(1)
            return (output * self.mapping(y)).sum(1) / math.sqrt(self.num_features)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x), y)


class HalvingBlock(nn.Module):
    """(N, c_in, 2H, 2W) -> (N, c_out, H, W): two convolutions, beside a shortcut if ``residual``."""

    def __init__(self, c_in: int, c_out: int, residual: bool) -> None:
        super().__init__()
        gain = math.sqrt(0.5) if residual else 1.0  # the sum of two has the variance of one
        self.conv1 = EqualizedConv2d(c_in, c_in, 3)
        self.conv2 = EqualizedConv2d(c_in, c_out, 3, halve=True)
        self.shortcut = EqualizedConv2d(c_in, c_out, 1, bias=False, gain=gain, halve=True) if residual else None
        self.gain = math.sqrt(2) * gain

    def forward(self, x: Tensor) -> Tensor:
        """Add both ways."""
        h = activated(self.conv2(activated(self.conv1(x))), self.gain)
        return h if self.shortcut is None else h + self.shortcut(x)
