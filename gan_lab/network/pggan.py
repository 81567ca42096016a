"""PGGAN's pair (Karras 2018, https://arxiv.org/abs/1710.10196, table 2), as in tkarras/progressive_growing_of_gans.

Sizes: powers of two from 8 on. A map of height r has min(``width``, 2 ``channel_base`` / r) channels. Each resolution has
layers of its own to and from images, so that the pair works at any of them; in a fade the images of two are blended.

Differs from the authors' code: labels are not used.
"""

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad

from gan_lab.network.equalized import (
    SLOPE,
    EqualizedConv2d,
    EqualizedLinear,
    MinibatchStd,
    blurred,
    map_channels,
    normalised,
)
from gan_lab.network.growing import GrowthLevel, averaged, repeated
from gan_lab.ranges import Count, Size

GAIN = math.sqrt(2)  # of weights before a LeakyReLU (He 2015)


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, r, r) of the current resolution r.

    Unbounded in training, as published; in evaluation clamped to [-1, 1] and enlarged to ``image_size``, whatever the level.

    Args:
        latent_dim: size of z.
        channels: number of image channels.
        image_size: height and width, when grown.
        width: largest number of channels.
        channel_base: half the number of channels of a map times its height, where that is below ``width``.
    """

    def __init__(
        self, latent_dim: Size, channels: Size, image_size: Size, width: Size = 512, channel_base: Count = 8192
    ) -> None:
        super().__init__()
        widths = map_channels(image_size, width, 2 * channel_base)
        self.latent_dim, self.level = latent_dim, GrowthLevel(image_size)
        self.dense = EqualizedConv2d(latent_dim, widths[0], 4, gain=GAIN)
        self.conv = EqualizedConv2d(widths[0], widths[0], 3, gain=GAIN)
        self.blocks = nn.ModuleList(DoublingBlock(a, b) for a, b in pairwise(widths))
        self.to_images = nn.ModuleList(EqualizedConv2d(c, channels, 1) for c in widths)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate images."""
        x = pad(normalised(z)[..., None, None], (1, 1, 1, 1))  # so that each of 4x4 places is a tap of the kernel times z
        x = previous = normalised(activated(self.conv(normalised(activated(self.dense(x))))))
        for block in self.blocks[: self.level.number]:
            x, previous = block(x), x
        images = self.to_images[self.level.number](x)
        if self.level.fading:
            images = self.level.blend(repeated(self.to_images[self.level.number - 1](previous)), images)
        return images if self.training else self.level.whole(images.clamp(-1, 1))


class DoublingBlock(nn.Module):
    """(N, c_in, H, W) -> (N, c_out, 2H, 2W)."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv1 = EqualizedConv2d(c_in, c_out, 3, gain=GAIN)
        self.conv2 = EqualizedConv2d(c_out, c_out, 3, gain=GAIN)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of twice the height and width, their vectors of mean square 1."""
        return normalised(activated(self.conv2(normalised(activated(self.conv1(repeated(x)))))))


class Discriminator(nn.Module):
    """Images (N, channels, r, r) of the current resolution r -> logits (N,); larger ones are averaged down to it.

    Args:
        channels: number of image channels.
        image_size: height and width, when grown.
        width: as in `Generator`.
        channel_base: as in `Generator`.
        group: images in a group of the minibatch statistics.
        blur: filter maps before they are halved (Karras 2019, section 2.2).
    """

    def __init__(
        self,
        channels: Size,
        image_size: Size,
        width: Size = 512,
        channel_base: Count = 8192,
        group: Size = 4,
        blur: bool = False,
    ) -> None:
        super().__init__()
        widths = map_channels(image_size, width, 2 * channel_base)
        self.num_features, self.level = widths[0], GrowthLevel(image_size)
        self.from_images = nn.ModuleList(EqualizedConv2d(channels, c, 1, gain=GAIN) for c in widths)
        self.blocks = nn.ModuleList(HalvingConvs(b, a, blur) for a, b in pairwise(widths))
        self.statistics = MinibatchStd(group)
        self.conv = EqualizedConv2d(widths[0] + 1, widths[0], 3, gain=GAIN)
        self.hidden = EqualizedLinear(widths[0] * 16, widths[0], gain=GAIN)
        self.output = EqualizedLinear(widths[0], 1)

    def layers_from_image(self) -> list[nn.Module]:
        """Return the blocks in the order in which an image passes them, for ``model.freeze_d``."""
        return [self.from_images, *reversed(self.blocks), self.conv, self.hidden, self.output]

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the last hidden layer (N, num_features)."""
        x, top = self.level.shrunk(x), self.level.number
        h = activated(self.from_images[top](x))
        for number in reversed(range(top)):
            h = self.blocks[number](h)
            if self.level.fading and number == top - 1:
                h = self.level.blend(activated(self.from_images[number](averaged(x))), h)
        return activated(self.hidden(activated(self.conv(self.statistics(h))).flatten(1)))

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features."""
        return self.output(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x))


class HalvingConvs(nn.Module):
    """(N, c_in, 2H, 2W) -> (N, c_out, H, W)."""

    def __init__(self, c_in: int, c_out: int, blur: bool) -> None:
        super().__init__()
        self.conv1 = EqualizedConv2d(c_in, c_in, 3, gain=GAIN)
        self.conv2 = EqualizedConv2d(c_in, c_out, 3, gain=GAIN)
        self.blur = blur

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of half the height and width."""
        h = activated(self.conv1(x))
        return activated(averaged(self.conv2(blurred(h) if self.blur else h)))


def activated(x: Tensor) -> Tensor:
    """Return LeakyReLU(0.2)."""
    return leaky_relu(x, SLOPE)
