"""SAGAN's residual pair (Zhang 2019, https://arxiv.org/abs/1805.08318), as in brain-research/self-attention-gan.

`resnet` with self-attention on the map of height ``attention`` (32, as in the authors' code) and spectral norm in both
networks. A network without a map of that height below the image's attends at half the image size: for 32x32, on the 16x16
map. Supports the sizes of `resnet`, with its widths; the published size is 128x128. Initial weights follow Glorot 2010,
without the larger gain of `resnet`.

StudioGAN and MMGeneration start from orthogonal weights (``init="orthogonal"``) and apply spectral norm to the tables of
conditional BatchNorm too (``spectral_tables=True``).

Differs from the authors' code: up to 32x32 the pair is SNGAN's for CIFAR-10, as the paper has none. D's blocks change the
number of channels in their second convolution, as in SNGAN, instead of the first. D's label embedding is part of the model:
`gan_lab.model.projection`.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

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
        spectral_tables: use `SpectralBatchNorm2d` for labels.
        init: initial weights, a key of `layers.INITS`.
    """

    takes_rectangles = False

    def __init__(
        self,
        latent_dim: Size,
        channels: Size,
        image_size: Size,
        width: Size | None = None,
        attention: Size = 32,
        num_classes: Size | None = None,
        spectral_tables: bool = False,
        init: str = "glorot",
    ) -> None:
        super().__init__(latent_dim, channels, image_size, width, num_classes=num_classes)
        heights = [self.base[0] * 2**i for i in range(len(self.blocks))]  # before each block
        place = heights.index(attention if attention in heights else image_size // 2)
        self.blocks.insert(place, layers.SelfAttention(self.widths[place]))
        layers.initialise(self, init)
        layers.normalise_weights(self, "spectral")
        if spectral_tables and num_classes is not None:
            for block in self.blocks:
                if isinstance(block, resnet.UpBlock):
                    block.norm1 = SpectralBatchNorm2d(block.conv1.in_channels, num_classes)
                    block.norm2 = SpectralBatchNorm2d(block.conv2.in_channels, num_classes)


class Discriminator(resnet.Discriminator):
    """Images (N, channels, image_size, image_size) -> logits (N,).

    Args:
        channels: number of image channels.
        image_size: height and width.
        width: as in `resnet`; None: the published width for this size.
        attention: height of the map with self-attention.
        norm: as in `resnet`.
        dropout: as in `resnet`.
        init: see `Generator`.
    """

    takes_rectangles = False

    def __init__(
        self,
        channels: Size,
        image_size: Size,
        width: Size | None = None,
        attention: Size = 32,
        norm: str = "spectral",
        dropout: BelowOne | Sequence[BelowOne] = 0.0,
        init: str = "glorot",
    ) -> None:
        of_maps = "none" if norm == "spectral" else norm  # spectral norm is applied last
        super().__init__(channels, image_size, width, of_maps, dropout)
        n_halving = sum(isinstance(block.pool, nn.AvgPool2d) for block in self.blocks)
        heights = [image_size // 2**i for i in range(1, n_halving + 1)]  # after each block that halves
        place = heights.index(attention if attention in heights else image_size // 2)
        self.blocks.insert(place + 1, layers.SelfAttention(self.widths[place]))
        layers.initialise(self, init)
        layers.normalise_weights(self, norm)


class SpectralBatchNorm2d(layers.ConditionalBatchNorm2d):
    """BatchNorm with a gain of 1 + T_1[y] and a shift of T_2[y], from orthogonal tables T with spectral norm (MMGeneration)."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__(channels, num_classes)
        for table in (self.gain, self.shift):
            nn.init.orthogonal_(table.weight)
            spectral_norm(table)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]  # it needs labels
        """Normalise maps (N, channels, H, W) of the classes y (N,)."""
        normalised = nn.BatchNorm2d.forward(self, x)
        return normalised * (1 + self.gain(y))[..., None, None] + self.shift(y)[..., None, None]
