"""DCGAN's convolutional pair (Radford 2016, https://arxiv.org/abs/1511.06434), as in pytorch/examples.

Supports every size b 2^k with b from 4 to 7 and k at least 1: 8, 16, 28, 32, 48, 64, 128 and more; and images that are not
square, whose shorter side is one of these and whose longer one is a multiple of 2^k. G projects z to a b x b map and doubles
it k times, while the channels halve down to ``width`` and then become the image's; D mirrors it. Layers have a bias only with
norm none or spectral. The published b x b convolutions next to the latents and to the logit are linear layers here: the same
maps, and faster on a CPU.

For k = 1 (8x8 to 14x14), a 3x3 convolution next to the image adds a second hidden map, of half the width: with a single map,
D cannot tell fakes from 8x8 digits, and G learns little from it.
"""

from itertools import pairwise

from torch import Tensor, nn

from gan_lab.network import layers
from gan_lab.ranges import BelowOne, Sides, Size


class Generator(nn.Module):
    """z (N, latent_dim) -> images (N, channels, H, W) in [-1, 1].

    Args:
        latent_dim: size of z.
        channels: number of image channels.
        image_size: height and width, as one number or [H, W].
        width: channels of the last hidden map.
        up: upsampling, a key of `layers.UPS`.
        norm: a key of `layers.NORMS`, after every layer but the last.
        activation: a key of `layers.ACTIVATIONS`.
        dropout: dropout probability of each hidden map.
        init: initial weights, a key of `layers.INITS`.
    """

    takes_rectangles = True

    def __init__(
        self,
        latent_dim: Size,
        channels: Size,
        image_size: Sides,
        width: Size = 64,
        up: str = "transposed",
        norm: str = "batch",
        activation: str = "relu",
        dropout: BelowOne = 0.0,
        init: str = "dcgan",
    ) -> None:
        super().__init__()
        first_height, first_width, doublings = layers.base_map(image_size, "dcgan")
        widths = _widths(width, doublings)[::-1]
        bias = norm in layers.WITHOUT_SHIFT
        project = nn.Linear(latent_dim, widths[0] * first_height * first_width, bias)
        stack = [project, nn.Unflatten(1, (widths[0], first_height, first_width))]
        for i, (c_in, c_out) in enumerate(pairwise([*widths, channels])):
            conv = layers.up(up, c_in, c_out, bias) if i < doublings else _same_size(c_in, c_out, bias)
            stack += [*_hidden(c_in, norm, activation, dropout), conv]
        self.latent_dim = latent_dim
        self.layers = nn.Sequential(*stack, nn.Tanh())
        layers.initialise(self, init)
        layers.normalise_weights(self, norm)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate images from latents."""
        return self.layers(z)


class Discriminator(nn.Module):
    """Images (N, channels, H, W) -> logits (N,).

    Args:
        channels: number of image channels.
        image_size: height and width, as one number or [H, W].
        width: channels of the first hidden map.
        down: downsampling, a key of `layers.DOWNS`.
        norm: a key of `layers.NORMS`, after every layer but the first and the last.
        activation: a key of `layers.ACTIVATIONS`.
        dropout: dropout probability of each hidden map.
        init: see `Generator`.
    """

    takes_rectangles = True

    def __init__(
        self,
        channels: Size,
        image_size: Sides,
        width: Size = 64,
        down: str = "strided",
        norm: str = "batch",
        activation: str = "leaky_relu",
        dropout: BelowOne = 0.0,
        init: str = "dcgan",
    ) -> None:
        super().__init__()
        last_height, last_width, halvings = layers.base_map(image_size, "dcgan")
        widths = _widths(width, halvings)
        bias = norm in layers.WITHOUT_SHIFT
        stack: list[nn.Module] = []
        for i, (c_in, c_out) in enumerate(pairwise([channels, *widths])):
            conv = layers.down(down, c_in, c_out, bias) if i >= len(widths) - halvings else _same_size(c_in, c_out, bias)
            stack += [conv, *_hidden(c_out, norm if i > 0 else "none", activation, dropout)]
        self.layers = nn.Sequential(*stack)
        self.num_features = widths[-1] * last_height * last_width
        self.output = nn.Linear(self.num_features, 1, bias)
        layers.initialise(self, init)
        layers.normalise_weights(self, norm)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the last map, flattened to (N, width 2^(k-1) b^2)."""
        return self.layers(x).flatten(1)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features."""
        return self.output(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x), y)


def _widths(width: int, k: int) -> list[int]:
    """Return the channels of the hidden maps, from the image inwards."""
    return [width * 2**i for i in range(k)] if k > 1 else [width // 2, width]


def _same_size(c_in: int, c_out: int, bias: bool) -> nn.Module:
    return nn.Conv2d(c_in, c_out, 3, padding=1, bias=bias)


def _hidden(channels: int, norm: str, activation: str, dropout: float) -> list[nn.Module]:
    """Return the norm, activation and dropout of a hidden map."""
    return [layers.norm(norm, channels), layers.activation(activation), nn.Dropout(dropout)]
