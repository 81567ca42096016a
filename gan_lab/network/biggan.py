"""BigGAN's residual pair (Brock 2019, https://arxiv.org/abs/1809.11096), as in ajbrock/BigGAN-PyTorch.

Hierarchical latents: the first layer of G gets one part of z and each block another, which conditions its BatchNorm together
with an embedding of the label that all blocks share. Self-attention on one map; spectral norm and orthogonal initial weights
in both networks. Supports the sizes b 2^k of `resnet`. With ``width`` w:

- Up to 32x32, as PyTorch-StudioGAN has it for CIFAR-10: G has 4w channels throughout; D has four blocks of 2w channels, and
  the first two halve. A network without a map of height ``attention`` attends at half the image size.
- Above: channels are w times 1, 2, 4, 8, 16, 16, ... from the image inwards, as in the paper for 64x64 and 128x128.

With ``deep`` the blocks are the bottlenecks of BigGAN-deep (appendix B): two 3x3 convolutions at a quarter of the channels
between two 1x1 convolutions, shortcuts that drop or add channels, two blocks per map, and all of z in every layer.

Differs from the authors' code: D's label embedding is part of the model, `gan_lab.model.projection`.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from gan_lab.errors import InputError
from gan_lab.network import layers
from gan_lab.ranges import Size

PART = 20
"""Latents for each layer of G."""


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, image_size, image_size) in [-1, 1].

    Args:
        latent_dim: size of z, a multiple of the number of blocks plus 1, or with ``deep`` any; None: 20 for each, or 128.
        channels: number of image channels.
        image_size: height and width.
        width: w above.
        attention: height of the map with self-attention.
        num_classes: number of labels; None: unconditional, and the latents alone condition BatchNorm.
        embedding_dim: size of the shared embedding.
        deep: use BigGAN-deep's blocks.
    """

    def __init__(
        self,
        latent_dim: Size | None,
        channels: Size,
        image_size: Size,
        width: Size = 96,
        attention: Size = 64,
        num_classes: Size | None = None,
        embedding_dim: Size = 128,
        deep: bool = False,
    ) -> None:
        super().__init__()
        self.base, doublings = layers.base_and_doublings(image_size, "biggan")
        widths = _widths(image_size, doublings + 1, 4, width)[::-1]
        self.num_classes, self.deep = num_classes, deep
        self.latent_dim = latent_dim or (128 if deep else PART * len(widths))
        if not deep and self.latent_dim % len(widths):
            raise InputError(
                f"network.generator.latent_dim={self.latent_dim} cannot be divided among the {len(widths)} layers that get a "
                f"part each: use a multiple of {len(widths)}, or null for {PART * len(widths)}"
            )
        self.part = self.latent_dim if deep else self.latent_dim // len(widths)
        self.embedding = nn.Embedding(num_classes, embedding_dim) if num_classes else None
        condition_dim = self.part + (embedding_dim if num_classes else 0)
        self.input = nn.Linear(condition_dim if deep else self.part, widths[0] * self.base**2)
        heights = [self.base * 2**i for i in range(doublings)]  # before each stage
        place = heights.index(attention if attention in heights else image_size // 2)
        make = _deep_up_blocks if deep else _up_blocks
        stages = [make(*shape, condition_dim) for shape in pairwise(widths)]
        stages[place].insert(0, layers.SelfAttention(widths[place]))
        self.stages = nn.ModuleList(map(Stage, stages))
        self.norm = nn.BatchNorm2d(widths[-1])
        self.output = nn.Conv2d(widths[-1], channels, 3, padding=1)
        _finish(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate images from latents and, with ``num_classes``, labels (N,)."""
        first, *parts = (z,) * (1 + len(self.stages)) if self.deep else z.split(self.part, 1)
        label = None if self.embedding is None else self.embedding(y)
        h = self.input(_with(label, first) if self.deep else first).view(z.shape[0], -1, self.base, self.base)
        for stage, part in zip(self.stages, parts, strict=True):
            h = stage(h, _with(label, part))
        return self.output(self.norm(h).relu()).tanh()


class Discriminator(nn.Module):
    """Images (N, channels, image_size, image_size) -> logits (N,).

    Args:
        channels: number of image channels.
        image_size: height and width.
        width: w above.
        attention: height of the map with self-attention.
        deep: use BigGAN-deep's blocks.
    """

    def __init__(self, channels: Size, image_size: Size, width: Size = 96, attention: Size = 64, deep: bool = False) -> None:
        super().__init__()
        _, doublings = layers.base_and_doublings(image_size, "biggan")
        n_stages = 4 if image_size <= 32 else doublings + 1
        n_halving = 2 if image_size <= 32 else doublings
        widths = _widths(image_size, n_stages, 2, width)
        halved = [image_size // 2**i for i in range(1, n_halving + 1) if image_size % 2**i == 0]
        shapes = [(channels, widths[0]), *pairwise(widths)]
        if deep:
            self.input: nn.Module = nn.Conv2d(channels, widths[0], 3, padding=1)
            shapes[0] = (widths[0], widths[0])
        else:
            self.input = nn.Identity()
        make = _deep_down_blocks if deep else _down_blocks
        stages = [make(*shape, i < len(halved), i == 0) for i, shape in enumerate(shapes)]
        place = halved.index(attention if attention in halved else image_size // 2)
        stages[place].append(layers.SelfAttention(widths[place]))
        self.stages = nn.ModuleList(map(Stage, stages))
        self.num_features = widths[-1]
        self.output = nn.Linear(widths[-1], 1)
        _finish(self)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the last map after ReLU, summed over its positions: (N, channels)."""
        h = self.input(x)
        for stage in self.stages:
            h = stage(h)
        return h.relu().sum((2, 3))

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features."""
        return self.output(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x), y)


class Stage(nn.ModuleList):
    """Blocks and attention on maps of one size, each called with the condition too."""

    def forward(self, h: Tensor, condition: Tensor | None = None) -> Tensor:
        """Apply each in turn."""
        for block in self:
            h = block(h, condition)
        return h


class ConditionedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm whose gain and shift are linear in a vector (Brock 2019, appendix B): the gain is 1 + W c, the shift V c."""

    def __init__(self, channels: int, condition_dim: int) -> None:
        super().__init__(channels, affine=False)
        self.gain, self.shift = (nn.Linear(condition_dim, channels, bias=False) for _ in range(2))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:  # type: ignore[override]  # it needs the vector
        """Normalise maps (N, channels, H, W) under the conditions (N, condition_dim)."""
        return super().forward(x) * (1 + self.gain(condition))[..., None, None] + self.shift(condition)[..., None, None]


class GBlock(nn.Module):
    """Residual block that upsamples: (N, c_in, H, W) -> (N, c_out, 2H, 2W). The shortcut's 1x1 convolution runs before it."""

    def __init__(self, c_in: int, c_out: int, condition_dim: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = ConditionedBatchNorm2d(c_in, condition_dim), nn.Conv2d(c_in, c_out, 3, padding=1)
        self.norm2, self.conv2 = ConditionedBatchNorm2d(c_out, condition_dim), nn.Conv2d(c_out, c_out, 3, padding=1)
        self.shortcut = nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Add norm, ReLU, upsampling, convolution, norm, ReLU, convolution to the shortcut."""
        h = self.conv1(interpolate(self.norm1(x, condition).relu(), scale_factor=2))
        h = self.conv2(self.norm2(h, condition).relu())
        return h + interpolate(self.shortcut(x), scale_factor=2)


class DBlock(nn.Module):
    """Residual block: (N, c_in, H, W) -> (N, c_out, H, W), or half the height and width; without a first ReLU on images."""

    def __init__(self, c_in: int, c_out: int, halve: bool, first: bool) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(c_in, c_out, 3, padding=1), nn.Conv2d(c_out, c_out, 3, padding=1)
        self.shortcut = nn.Conv2d(c_in, c_out, 1) if halve or c_in != c_out else nn.Identity()
        self.halve, self.first = halve, first

    def forward(self, x: Tensor, _: None = None) -> Tensor:
        """Add ReLU, convolution, ReLU, convolution, pooling to the shortcut, which pools first."""
        h = self.conv2(self.conv1(x if self.first else x.relu()).relu())
        return _pooled(h, self.halve) + self.shortcut(_pooled(x, self.halve))


class DeepGBlock(nn.Module):
    """Bottleneck: (N, c_in, H, W) -> (N, c_out, H, W), or twice the height and width; its shortcut keeps c_out channels."""

    def __init__(self, c_in: int, c_out: int, condition_dim: int, double: bool) -> None:
        super().__init__()
        hidden = max(c_in // 4, 1)
        shapes = [(c_in, hidden, 1), (hidden, hidden, 3), (hidden, hidden, 3), (hidden, c_out, 1)]
        self.norms = nn.ModuleList(ConditionedBatchNorm2d(c, condition_dim) for c, _, _ in shapes)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, kernel, padding=kernel // 2) for a, b, kernel in shapes)
        self.c_out, self.doubles = c_out, double

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Add four times norm, ReLU, convolution, upsampled before the second, to the shortcut."""
        h = x
        for number, (norm, conv) in enumerate(zip(self.norms, self.convs, strict=True)):
            h = norm(h, condition).relu()
            h = conv(interpolate(h, scale_factor=2) if self.doubles and number == 1 else h)
        x = x[:, : self.c_out]
        return h + (interpolate(x, scale_factor=2) if self.doubles else x)


class DeepDBlock(nn.Module):
    """Bottleneck: (N, c_in, H, W) -> (N, c_out, H, W), or half the height and width; its shortcut adds channels."""

    def __init__(self, c_in: int, c_out: int, halve: bool) -> None:
        super().__init__()
        hidden = max(c_out // 4, 1)
        shapes = [(c_in, hidden, 1), (hidden, hidden, 3), (hidden, hidden, 3), (hidden, c_out, 1)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, kernel, padding=kernel // 2) for a, b, kernel in shapes)
        self.shortcut = nn.Conv2d(c_in, c_out - c_in, 1) if c_out > c_in else None
        self.halve = halve

    def forward(self, x: Tensor, _: None = None) -> Tensor:
        """Add four times ReLU, convolution, pooled before the last, to the shortcut."""
        *convs, last = self.convs
        h = x
        for conv in convs:
            h = conv(h.relu())
        h, x = last(_pooled(h.relu(), self.halve)), _pooled(x, self.halve)
        return h + (x if self.shortcut is None else torch.cat([x, self.shortcut(x)], 1))


def _up_blocks(c_in: int, c_out: int, condition_dim: int) -> list[nn.Module]:
    return [GBlock(c_in, c_out, condition_dim)]


def _deep_up_blocks(c_in: int, c_out: int, condition_dim: int) -> list[nn.Module]:
    return [DeepGBlock(c_in, c_in, condition_dim, double=False), DeepGBlock(c_in, c_out, condition_dim, double=True)]


def _down_blocks(c_in: int, c_out: int, halve: bool, first: bool) -> list[nn.Module]:
    return [DBlock(c_in, c_out, halve, first)]


def _deep_down_blocks(c_in: int, c_out: int, halve: bool, first: bool) -> list[nn.Module]:
    return [DeepDBlock(c_in, c_out, halve), DeepDBlock(c_out, c_out, halve=False)]


def _widths(image_size: int, n: int, constant: int, width: int) -> list[int]:
    """Return the channels of ``n`` maps, from the image inwards."""
    return [width * (constant if image_size <= 32 else min(2**i, 16)) for i in range(n)]


def _with(label: Tensor | None, part: Tensor) -> Tensor:
    return part if label is None else torch.cat([label, part], 1)


def _pooled(x: Tensor, halve: bool) -> Tensor:
    return avg_pool2d(x, 2) if halve else x


def _finish(network: nn.Module) -> None:
    """Make all weights orthogonal and all biases 0, then normalise each layer's weights by their largest singular value."""
    layers.initialise(network, "orthogonal")
    layers.normalise_weights(network, "spectral")
