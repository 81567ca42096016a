"""StyleGAN's pair (Karras 2019, https://arxiv.org/abs/1812.04948, configuration E and F), as in NVlabs/stylegan.

A mapping network turns latents to styles w, which set mean and deviation of every map (AdaIN) of a synthesis network that
starts from a constant; noise is added to every layer. Growth, sizes and channels as in ``network/pggan.py``.

Differs from the authors' code: labels are not used; the noise of evaluation is a buffer, so that samples are a function of z.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import instance_norm

from gan_lab.network import pggan
from gan_lab.network.equalized import EqualizedConv2d, EqualizedLinear, blurred, map_channels
from gan_lab.network.growing import GrowthLevel, repeated
from gan_lab.network.mapping import Mapping
from gan_lab.network.pggan import GAIN, activated
from gan_lab.ranges import Count, Depth, Size


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, r, r) of the current resolution r: ``synthesis(mapping(z))``.

    Unbounded in training, as published; in evaluation clamped to [-1, 1] and enlarged to ``image_size``, whatever the level.

    Args:
        latent_dim: size of z.
        channels: number of image channels.
        image_size: height and width, when grown.
        width: largest number of channels.
        channel_base: half the number of channels of a map times its height, where that is below ``width``.
        style_dim: size of w.
        mapping_layers: layers of the mapping network.
    """

    def __init__(
        self,
        latent_dim: Size,
        channels: Size,
        image_size: Size,
        width: Size = 512,
        channel_base: Count = 8192,
        style_dim: Size = 512,
        mapping_layers: Depth = 8,
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.mapping = Mapping(latent_dim, style_dim, mapping_layers, mean_rate=0.005, gain=GAIN)
        self.synthesis = GrowingSynthesis(style_dim, channels, image_size, map_channels(image_size, width, 2 * channel_base))

    def forward(
        self,
        z: Tensor,
        y: Tensor | None = None,
        second: Tensor | None = None,
        mixed: Tensor | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Generate images; see `gan_lab.network.mapping.Mapping.styles` for the arguments."""
        return self.render(self.mapping.styles(self.synthesis.num_styles, z, None, second, mixed, truncation))

    def render(self, w: Tensor) -> Tensor:
        """Generate images of the styles w (N, num_styles, style_dim)."""
        images = self.synthesis(w)
        return images if self.training else self.synthesis.level.whole(images.clamp(-1, 1))


class GrowingSynthesis(nn.Module):
    """Styles w (N, num_styles, style_dim) -> images (N, channels, r, r) of the current resolution r."""

    def __init__(self, style_dim: int, channels: int, image_size: int, widths: list[int]) -> None:
        super().__init__()
        self.level = GrowthLevel(image_size)
        self.constant = nn.Parameter(torch.ones(widths[0], 4, 4))
        self.layer = AdaINLayer(widths[0], style_dim, 4)
        self.conv = EqualizedConv2d(widths[0], widths[0], 3, bias=False, gain=GAIN)
        self.layer2 = AdaINLayer(widths[0], style_dim, 4)
        self.blocks = nn.ModuleList(AdaINBlock(a, b, style_dim, 8 << k) for k, (a, b) in enumerate(pairwise(widths)))
        self.to_images = nn.ModuleList(EqualizedConv2d(c, channels, 1) for c in widths)

    @property
    def num_styles(self) -> int:
        """Number of layers in use, each with a style of its own."""
        return 2 * self.level.number + 2

    def forward(self, w: Tensor) -> Tensor:
        """Generate images."""
        x = self.layer(self.constant.expand(w.shape[0], -1, -1, -1), w[:, 0])
        x = previous = self.layer2(self.conv(x), w[:, 1])
        for number, block in enumerate(self.blocks[: self.level.number], 1):
            x, previous = block(x, w[:, 2 * number : 2 * number + 2]), x
        images = self.to_images[self.level.number](x)
        if self.level.fading:
            images = self.level.blend(repeated(self.to_images[self.level.number - 1](previous)), images)
        return images


class AdaINBlock(nn.Module):
    """(N, c_in, H, W) and styles (N, 2, style_dim) -> (N, c_out, 2H, 2W)."""

    def __init__(self, c_in: int, c_out: int, style_dim: int, height: int) -> None:
        super().__init__()
        self.conv1 = EqualizedConv2d(c_in, c_out, 3, bias=False, gain=GAIN)
        self.layer1 = AdaINLayer(c_out, style_dim, height)
        self.conv2 = EqualizedConv2d(c_out, c_out, 3, bias=False, gain=GAIN)
        self.layer2 = AdaINLayer(c_out, style_dim, height)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return maps of twice the height and width."""
        x = self.layer1(blurred(self.conv1(repeated(x))), w[:, 0])
        return self.layer2(self.conv2(x), w[:, 1])


class AdaINLayer(nn.Module):
    """What follows every convolution: noise, bias, LeakyReLU, and AdaIN by a style (eq. 1)."""

    constant_noise: Tensor

    def __init__(self, channels: int, style_dim: int, height: int) -> None:
        super().__init__()
        self.bias, self.noise_strength = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))
        self.style = EqualizedLinear(style_dim, 2 * channels)
        self.register_buffer("constant_noise", torch.randn(height, height))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Return maps (N, C, H, W) of x (N, C, H, W) and w (N, style_dim)."""
        noise = torch.randn_like(x[:, :1]) if self.training else self.constant_noise.to(x.dtype)
        strength, bias = (each.to(x.dtype)[:, None, None] for each in (self.noise_strength, self.bias))
        x = instance_norm(activated(x + noise * strength + bias), eps=1e-8)
        scale, shift = self.style(w).to(x.dtype)[..., None, None].chunk(2, 1)
        return x * (1 + scale) + shift


class Discriminator(pggan.Discriminator):
    """PGGAN's discriminator, which filters maps before it halves them.

    Args:
        channels: number of image channels.
        image_size: height and width, when grown.
        width: as in `Generator`.
        channel_base: as in `Generator`.
        group: images in a group of the minibatch statistics.
    """

    def __init__(
        self, channels: Size, image_size: Size, width: Size = 512, channel_base: Count = 8192, group: Size = 4
    ) -> None:
        super().__init__(channels, image_size, width, channel_base, group, blur=True)
