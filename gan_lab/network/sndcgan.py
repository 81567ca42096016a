"""The standard CNN of spectral normalisation (Miyato 2018, table 3, https://arxiv.org/abs/1802.05957).

Supports every size b 2^k with b from 4 to 7 and k at least 1. Channels are ``width`` w = 64 times 1, 2, 4, 8, 8, ... from the
image inwards: the published 512 at the bottom of 32x32 (b = 4, k = 3) and 48x48 (b = 6, k = 3). At 32x32 G has 3,813,379
parameters and D 2,935,873. Initial weights are N(0, 0.02), as in pfnet-research/chainer-gan-lib.

Differs from the paper: G also has BatchNorm and ReLU after its dense layer, as in all published code; the table lists none
there, which would put two linear layers in a row. All published code also widens D in its 4x4 convolutions
(64-128-128-256-256-512-512; ``widen="down"``), whereas the table, and this by default, widen it in the 3x3 ones
(64-64-128-128-256-256-512).
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from gan_lab.errors import pick
from gan_lab.network import layers
from gan_lab.ranges import BelowOne, Size

WIDEN: Mapping[str, Callable[[int, int], int]] = {"same": lambda c_in, c_out: c_in, "down": lambda c_in, c_out: c_out}
"""Channels between the two convolutions of D that halve and widen a map: the 3x3 one that keeps its size, or the 4x4 one."""


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, image_size, image_size) in [-1, 1].

    Args:
        latent_dim: size of z.
        channels: number of image channels.
        image_size: height and width.
        width: w above.
        norm: a key of `layers.NORMS`, before every activation.
        init: initial weights, a key of `layers.INITS`.
    """

    def __init__(
        self,
        latent_dim: Size,
        channels: Size,
        image_size: Size,
        width: Size = 64,
        norm: str = "batch",
        init: str = "normal",
    ) -> None:
        super().__init__()
        base, doublings = layers.base_and_doublings(image_size, "sndcgan")
        widths = _widths(width, doublings)[::-1]
        stack = [nn.Linear(latent_dim, widths[0] * base**2), nn.Unflatten(1, (widths[0], base, base))]
        for c_in, c_out in pairwise(widths):
            stack += [layers.norm(norm, c_in), nn.ReLU(), layers.up("transposed", c_in, c_out)]
        stack += [layers.norm(norm, widths[-1]), nn.ReLU(), nn.Conv2d(widths[-1], channels, 3, padding=1)]
        self.latent_dim = latent_dim
        self.layers = nn.Sequential(*stack, nn.Tanh())
        layers.initialise(self, init)
        layers.normalise_weights(self, norm)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate images from latents."""
        return self.layers(z)


class Discriminator(nn.Module):
    """Images (N, channels, image_size, image_size) -> logits (N,).

    Args:
        channels: number of image channels.
        image_size: height and width.
        width: w above.
        norm: a key of `layers.NORMS`, after every convolution but the first.
        dropout: dropout probability of each hidden map.
        slope: slope of LeakyReLU below 0.
        widen: the convolutions that widen the maps, a key of `WIDEN`.
        init: see `Generator`.
    """

    def __init__(
        self,
        channels: Size,
        image_size: Size,
        width: Size = 64,
        norm: str = "spectral",
        dropout: BelowOne = 0.0,
        slope: float = 0.1,
        widen: str = "same",
        init: str = "normal",
    ) -> None:
        super().__init__()
        base, halvings = layers.base_and_doublings(image_size, "sndcgan")
        widths = _widths(width, halvings)
        hidden = partial(_hidden, dropout=dropout, slope=slope)
        stack = hidden(nn.Conv2d(channels, width, 3, padding=1), width, "none")
        for c_in, c_out in pairwise(widths):
            middle = pick(WIDEN, widen, "widen")(c_in, c_out)
            stack += hidden(layers.down("strided", c_in, middle), middle, norm)
            stack += hidden(nn.Conv2d(middle, c_out, 3, padding=1), c_out, norm)
        self.layers = nn.Sequential(*stack)
        self.num_features = widths[-1] * base**2
        self.output = nn.Linear(self.num_features, 1)
        layers.initialise(self, init)
        layers.normalise_weights(self, norm)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the last map, flattened: (N, 8 w b^2) from k = 3 on."""
        return self.layers(x).flatten(1)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features."""
        return self.output(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x), y)


def _widths(width: int, k: int) -> list[int]:
    """Return the channels of the maps, from the image inwards."""
    return [width * min(2**i, 8) for i in range(k + 1)]


def _hidden(conv: nn.Module, channels: int, norm: str, dropout: float, slope: float) -> list[nn.Module]:
    """Return a convolution with its norm, activation and dropout."""
    return [conv, layers.norm(norm, channels), nn.LeakyReLU(slope), nn.Dropout(dropout)]
