"""SAGAN's residual pair (Zhang 2019, https://arxiv.org/abs/1805.08318), as in brain-research/self-attention-gan.

`resnet` with self-attention on the map of height ``attention`` (32, as in the authors' code) and spectral norm in both
networks. A network without a map of that height below the image's attends at half the image size: for 32x32, on the 16x16
map. Supports the sizes of `resnet`, with its widths; the published size is 128x128. Initial weights follow Glorot 2010,
without the larger gain of `resnet`.

Differs from the authors' code: up to 32x32 the pair is SNGAN's for CIFAR-10, as the paper has none. D's blocks change the
number of channels in their second convolution, as in SNGAN, instead of the first. D's label embedding is part of the model:
`gan_lab.model.projection`.
"""

from collections.abc import Sequence

from torch import nn

from gan_lab.network import layers, resnet
from gan_lab.ranges import BelowOne, Size


class Generator(resnet.Generator):
    """z (N, latent_dim) -> images (N, channels, image_size, image_size) in [-1, 1].

    Args:
        latent_dim: size of z.
        channels: number of image channels.
        image_size: height and width.
        width: as in `resnet`; None: the published width for this size.
        attention: height of the map with self-attention.
        num_classes: number of labels that condition BatchNorm; None: unconditional.
    """

    def __init__(
        self,
        latent_dim: Size,
        channels: Size,
        image_size: Size,
        width: Size | None = None,
        attention: Size = 32,
        num_classes: Size | None = None,
    ) -> None:
        super().__init__(latent_dim, channels, image_size, width, num_classes=num_classes)
        heights = [self.base * 2**i for i in range(len(self.blocks))]  # before each block
        place = heights.index(attention if attention in heights else image_size // 2)
        self.blocks.insert(place, layers.SelfAttention(self.widths[place]))
        self.apply(layers.glorot_init)
        layers.normalise_weights(self, "spectral")


class Discriminator(resnet.Discriminator):
    """Images (N, channels, image_size, image_size) -> logits (N,).

    Args:
        channels: number of image channels.
        image_size: height and width.
        width: as in `resnet`; None: the published width for this size.
        attention: height of the map with self-attention.
        norm: as in `resnet`.
        dropout: as in `resnet`.
    """

    def __init__(
        self,
        channels: Size,
        image_size: Size,
        width: Size | None = None,
        attention: Size = 32,
        norm: str = "spectral",
        dropout: BelowOne | Sequence[BelowOne] = 0.0,
    ) -> None:
        of_maps = "none" if norm == "spectral" else norm  # spectral norm is applied last
        super().__init__(channels, image_size, width, of_maps, dropout)
        n_halving = sum(isinstance(block.pool, nn.AvgPool2d) for block in self.blocks)
        heights = [image_size // 2**i for i in range(1, n_halving + 1)]  # after each block that halves
        place = heights.index(attention if attention in heights else image_size // 2)
        self.blocks.insert(place + 1, layers.SelfAttention(self.widths[place]))
        self.apply(layers.glorot_init)
        layers.normalise_weights(self, norm)
