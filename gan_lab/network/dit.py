"""Diffusion transformers as a GAN's pair (Peebles & Xie 2023, https://arxiv.org/abs/2212.09748), as AFM has them (Lin 2025).

G takes latents of the images' own shape, cut into patches of 2x2 as the images are; D reads its logit from a class token. Each
block is modulated by the label's embedding, without labels by a learned vector (adaLN-Zero). As published: width 384, depth 12
and 6 heads (S), 768, 12 and 12 (B), 1024, 24 and 16 (L), 1152, 28 and 16 (XL).

Sizes: multiples of the patch, from twice its size on. Differs from the authors' code: no time steps, which one step of AFM does
not need; D's last layer is initialised like the others.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, scaled_dot_product_attention, silu

from gan_lab.errors import InputError
from gan_lab.ranges import Depth, Size


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, image_size, image_size).

    Unbounded in training, so that images near the bounds have a gradient; clamped to [-1, 1] in evaluation.

    Args:
        latent_dim: the number of pixels times ``channels``; None: that number.
        channels: number of image channels.
        image_size: height and width.
        width: numbers of a token.
        depth: blocks.
        heads: attention heads of a block; None: one for each 64 numbers of the width.
        patch: height and width of the patch that a token stands for.
        num_classes: number of labels; None: unconditional.
        fused_attention: whether attention takes torch's fastest kernel, which has no second derivatives.
    """

    def __init__(
        self,
        latent_dim: Size | None,
        channels: Size,
        image_size: Size,
        width: Size = 384,
        depth: Depth = 12,
        heads: Size | None = None,
        patch: Size = 2,
        num_classes: Size | None = None,
        fused_attention: bool = False,
    ) -> None:
        super().__init__()
        self.image_shape, self.num_classes = (channels, image_size, image_size), num_classes
        self.latent_dim = math.prod(self.image_shape) if latent_dim is None else latent_dim
        if self.latent_dim != math.prod(self.image_shape):
            raise InputError(
                f"network.generator.latent_dim={latent_dim} does not fit network=dit, whose latents have the images' shape: "
                f"use {math.prod(self.image_shape)}"
            )
        self.trunk = Transformer(channels, image_size, width, depth, heads, patch, num_classes, fused_attention)
        self.modulation = nn.Linear(width, 2 * width)
        self.norm = _norm(width)
        self.output = nn.Linear(width, patch**2 * channels)
        self.apply(_init)
        nn.init.zeros_(self.output.weight)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate images from latents and, with ``num_classes``, labels (N,)."""
        condition = self.trunk.condition(z.shape[0], y)
        tokens = self.trunk(self.trunk.tokens(z.view(-1, *self.image_shape)), condition)
        shift, scale = self.modulation(silu(condition))[:, None].chunk(2, 2)
        maps = self.output(_modulated(self.norm(tokens), shift, scale)).transpose(1, 2)
        images = pixel_shuffle(maps.unflatten(2, self.trunk.grid), self.trunk.patch)
        return images if self.training else images.clamp(-1, 1)


class Discriminator(nn.Module):
    """Images (N, channels, image_size, image_size) -> logits (N,).

    Args:
        channels: number of image channels.
        image_size: height and width.
        width: as in `Generator`.
        depth: as in `Generator`.
        heads: as in `Generator`.
        patch: as in `Generator`.
        num_classes: as in `Generator`.
        fused_attention: as in `Generator`; penalties that differentiate D's gradient need second derivatives.
    """

    def __init__(
        self,
        channels: Size,
        image_size: Size,
        width: Size = 384,
        depth: Depth = 12,
        heads: Size | None = None,
        patch: Size = 2,
        num_classes: Size | None = None,
        fused_attention: bool = False,
    ) -> None:
        super().__init__()
        self.num_features, self.num_classes = width, num_classes
        self.trunk = Transformer(channels, image_size, width, depth, heads, patch, num_classes, fused_attention)
        self.class_token = nn.Parameter(torch.randn(width) * 0.02)
        self.norm = _norm(width)
        self.output = nn.Linear(width, 1, bias=False)
        self.apply(_init)

    def layers_from_image(self) -> list[nn.Module]:
        """Return the blocks in the order in which an image passes them, for ``model.freeze_d``."""
        return [self.trunk.input, *self.trunk.blocks, self.output]

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the normalised class token after the last block, (N, width)."""
        tokens = torch.cat([self.class_token.expand(len(x), 1, -1), self.trunk.tokens(x)], 1)
        return self.norm(self.trunk(tokens, self.trunk.condition(len(x), y))[:, 0])

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features, which know the label."""
        return self.output(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x, y), y)


class Transformer(nn.Module):
    """The trunk of both networks: patches and labels in, tokens out.

    Args:
        channels: see `Generator`.
        image_size: see `Generator`.
        width: see `Generator`.
        depth: see `Generator`.
        heads: see `Generator`.
        patch: see `Generator`.
        num_classes: see `Generator`.
        fused_attention: see `Generator`.
    """

    positions: Tensor

    def __init__(
        self,
        channels: int,
        image_size: int,
        width: int,
        depth: int,
        heads: int | None,
        patch: int,
        num_classes: int | None,
        fused_attention: bool,
    ) -> None:
        super().__init__()
        heads = max(width // 64, 1) if heads is None else heads
        _check(image_size, width, heads, patch)
        self.patch, self.grid, self.num_classes = patch, (image_size // patch, image_size // patch), num_classes
        self.input = nn.Conv2d(channels, width, patch, patch)
        self.register_buffer("positions", sinusoids(self.grid[0], width), persistent=False)
        self.embedding = nn.Embedding(num_classes or 1, width)
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, fused_attention) for _ in range(depth))

    def tokens(self, x: Tensor) -> Tensor:
        """Return a token for each patch of the images, (N, patches, width)."""
        return self.input(x).flatten(2).transpose(1, 2) + self.positions

    def condition(self, n: int, y: Tensor | None) -> Tensor:
        """Return the vectors (n, width) that modulate the blocks, of labels (n,) where there are any."""
        if self.num_classes is None:
            return self.embedding.weight.expand(n, -1)
        if y is None:
            raise InputError(
                f"num_classes={self.num_classes} makes network=dit conditional, but this model passes no labels: use "
                "network.generator.num_classes=null network.discriminator.num_classes=null"
            )
        return self.embedding(y)

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """Return tokens (N, T, width) after all blocks."""
        for block in self.blocks:
            tokens = block(tokens, condition)
        return tokens


class TransformerBlock(nn.Module):
    """Attention and a perceptron, each between a modulated norm and a gate (adaLN-Zero, section 3.2).

    Args:
        width: numbers of a token.
        heads: of the attention.
        fused_attention: see `Generator`.
    """

    def __init__(self, width: int, heads: int, fused_attention: bool) -> None:
        super().__init__()
        self.heads, self.fused_attention = heads, fused_attention
        self.norm = _norm(width)
        self.modulation = nn.Linear(width, 6 * width)
        self.query_key_value, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Add attention, then the perceptron, to tokens (N, T, width)."""
        shift, scale, gate, shift_2, scale_2, gate_2 = self.modulation(silu(condition))[:, None].chunk(6, 2)
        x = x + gate * self.attention(_modulated(self.norm(x), shift, scale))
        return x + gate_2 * self.perceptron(_modulated(self.norm(x), shift_2, scale_2))

    def attention(self, x: Tensor) -> Tensor:
        """Attend over tokens (N, T, width)."""
        query, key, value = self.query_key_value(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if self.fused_attention:
            found = scaled_dot_product_attention(query, key, value)
        else:
            weights = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
            found = weights.softmax(3) @ value
        return self.projection(found.transpose(1, 2).flatten(2))


def sinusoids(side: int, width: int) -> Tensor:
    """Return the positions of a square grid, (side^2, width): sines and cosines of the column, then those of the row.

    Their angular frequencies go from 1 down to 1 / 10,000 in geometric steps (Vaswani 2017, section 3.5).
    """
    frequencies = 10_000 ** -(torch.arange(width // 4) / (width // 4))
    angles = torch.arange(side)[:, None] * frequencies
    line = torch.cat([angles.sin(), angles.cos()], 1)
    return torch.cat([line.repeat(side, 1), line.repeat_interleave(side, 0)], 1)


def _norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)


def _modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return x * (1 + scale) + shift


def _init(module: nn.Module) -> None:
    """Initialise weights as Glorot 2010, embeddings from N(0, 0.02), modulations and biases to 0.

    A patch is taken as a vector. For ``Module.apply``, which reaches a block after its layers.
    """
    if isinstance(module, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(module.weight.flatten(1))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if modulation := getattr(module, "modulation", None):
        nn.init.zeros_(modulation.weight)


def _check(image_size: int, width: int, heads: int, patch: int) -> None:
    if image_size == 1:
        raise InputError("network=dit makes images, but data of size 1 are points: use network=mlp")
    if image_size % patch or image_size < 2 * patch:
        below = max(image_size // patch, 2) * patch
        raise InputError(
            f"data.image_size={image_size} is not supported by network=dit, whose sizes are multiples of patch={patch}: use "
            f"{below} or {below + patch}"
        )
    if width % 4 or width % heads:
        fits = 4 * heads * max(width // (4 * heads), 1)
        raise InputError(f"width={width} of network=dit must be a multiple of 4 and of its {heads} heads: use {fits}")
