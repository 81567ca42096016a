"""Fully connected networks, for images as in the first GANs (Goodfellow 2014), for points and for data of any other shape.

Images: the widths of eriklindernoren/PyTorch-GAN ``gan.py`` for MNIST (which passes 0.8 to BatchNorm as eps by mistake;
here eps is 1e-5). Points and vectors: two hidden layers of 128, as in poolio/unrolled_gan (Metz 2017). Signals: as images.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn

from gan_lab.errors import InputError, pick
from gan_lab.network import layers
from gan_lab.ranges import BelowOne, Sides, Size
from gan_lab.sizes import height_and_width

NORMS: Mapping[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
    "virtual_batch": layers.VirtualBatchNorm,
    "none": nn.Identity,
    "spectral": nn.Identity,  # normalises the weights instead: see `layers.normalise_weights`
}


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, H, W) in [-1, 1], or unbounded points, signals and vectors.

    Args:
        latent_dim: size of z.
        channels: number of image channels, or of coordinates.
        image_size: height and width, as one number or [H, W]; 1 for points.
        width: widths of the hidden layers, or one for all; None: 128, 256, 512, 1024, for points and vectors 128, 128.
        norm: a key of `NORMS`, after every hidden layer but the first; None: batch, for points and vectors none.
        activation: a key of `layers.ACTIVATIONS`; None: leaky_relu, for points and vectors tanh.
        shape: of a sample, in the place of ``channels`` and ``image_size``: (C, H, W), (C, L) or (F,).
    """

    takes_rectangles = True

    def __init__(
        self,
        latent_dim: Size,
        channels: Size | None = None,
        image_size: Sides | None = None,
        width: Size | Sequence[Size] | None = None,
        norm: str | None = None,
        activation: str | None = None,
        shape: Sequence[Size] | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim, self.shape = latent_dim, _shape(channels, image_size, shape)
        points = is_flat(self.shape)
        widths = _widths(width, (128, 128) if points else (128, 256, 512, 1024))
        norm = norm or ("none" if points else "batch")
        activation = activation or ("tanh" if points else "leaky_relu")
        self.hidden = _hidden(latent_dim, widths, norm, activation)
        self.output = nn.Linear(widths[-1], math.prod(self.shape))
        self.bound = nn.Identity() if points or len(self.shape) != 3 else nn.Tanh()
        layers.normalise_weights(self, norm)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate samples (N, *shape) from latents."""
        return self.bound(self.output(self.hidden(z))).view(-1, *self.shape)


class Discriminator(nn.Module):
    """Images or points (N, C, H, W), signals (N, C, L) or vectors (N, F) -> logits (N,).

    Args:
        channels: number of image channels, or of coordinates.
        image_size: height and width, as one number or [H, W]; 1 for points.
        width: widths of the hidden layers, or one for all; None: 512, 256, for points and vectors 128, 128.
        norm: a key of `NORMS`, after every hidden layer but the first.
        activation: a key of `layers.ACTIVATIONS`; None: leaky_relu, for points and vectors tanh.
        dropout: dropout probability of each hidden layer.
        shape: see `Generator`.
    """

    takes_rectangles = True

    def __init__(
        self,
        channels: Size | None = None,
        image_size: Sides | None = None,
        width: Size | Sequence[Size] | None = None,
        norm: str = "none",
        activation: str | None = None,
        dropout: BelowOne = 0.0,
        shape: Sequence[Size] | None = None,
    ) -> None:
        super().__init__()
        sizes = _shape(channels, image_size, shape)
        points = is_flat(sizes)
        widths = _widths(width, (128, 128) if points else (512, 256))
        activation = activation or ("tanh" if points else "leaky_relu")
        self.hidden = _hidden(math.prod(sizes), widths, norm, activation, dropout)
        self.num_features = widths[-1]
        self.output = nn.Linear(widths[-1], 1)
        layers.normalise_weights(self, norm)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the last hidden layer (N, width[-1])."""
        return self.hidden(x.flatten(1))

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features."""
        return self.output(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x), y)


def is_flat(shape: Sequence[int]) -> bool:
    """Return whether samples of this shape are points (C, 1, 1) or vectors (F,)."""
    return math.prod(shape[1:]) == 1


def _shape(channels: int | None, image_size: int | Sequence[int] | None, shape: Sequence[int] | None) -> tuple[int, ...]:
    """Return the shape of a sample."""
    if shape is not None:
        return tuple(shape)
    if channels is None or image_size is None:
        raise InputError("network=mlp needs channels and image_size, or shape: give data.shape=[CHANNELS,LENGTH] or [FEATURES]")
    return channels, *height_and_width(image_size)


def _widths(width: int | Sequence[int] | None, published: Sequence[int]) -> list[int]:
    if isinstance(width, int):
        return [width] * len(published)
    return list(width or published)


def _hidden(inputs: int, widths: list[int], norm: str, activation: str, dropout: float = 0.0) -> nn.Sequential:
    """Stack linear layers, each with the norm (but the first), the activation and, if it is not 0, dropout."""
    make_norm = pick(NORMS, norm, "norm")
    stack: list[nn.Module] = []
    for i, (n_in, n_out) in enumerate(pairwise([inputs, *widths])):
        stack += [nn.Linear(n_in, n_out), *([make_norm(n_out)] if i > 0 else []), layers.activation(activation)]
        stack += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*stack)
