"""DCGAN's pair (Radford 2016, https://arxiv.org/abs/1511.06434) with one-dimensional convolutions, for signals (N, C, L).

Supports every length L from 8 on: D halves it, rounding down, until 4 to 7 positions are left, and G retraces these lengths
upwards. Channels are ``width`` times 1, 2, 4, 8, 8, ... from the signal inwards, so that long signals stay affordable. At
(1, 1024) G has 5,093,505 parameters and D 4,887,745.

Differs from the paper: one dimension, with kernels 4 long; widths stop at 8 times the first; G's output is linear, for signals
are not bounded as pixels are; D has no norm unless asked (``norm=batch``), so that gradient penalties are defined, and initial
weights are Glorot's, for without norms DCGAN's small ones would leave a deep D next to nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from gan_lab.errors import InputError, pick
from gan_lab.network import layers
from gan_lab.ranges import BelowOne, Size

NORMS: Mapping[str, Callable[[int], nn.Module]] = {
    **layers.NORMS,
    "batch": nn.BatchNorm1d,
    "instance": partial(nn.InstanceNorm1d, affine=True),
}
SHORTEST = 8


class Generator(nn.Module):
    """z (N, latent_dim) -> unbounded signals (N, C, L).

    Args:
        latent_dim: size of z.
        shape: (C, L).
        width: channels of the last hidden map.
        norm: a key of `NORMS`, after every layer but the last.
        activation: a key of `layers.ACTIVATIONS`.
    """

    def __init__(
        self, latent_dim: Size, shape: Sequence[Size], width: Size = 64, norm: str = "batch", activation: str = "relu"
    ) -> None:
        super().__init__()
        channels, lengths = _sizes(shape)
        widths, bias = _widths(width, len(lengths) - 1), norm in layers.WITHOUT_SHIFT
        stack = [nn.Linear(latent_dim, widths[-1] * lengths[-1], bias), nn.Unflatten(1, (widths[-1], lengths[-1]))]
        maps = [*zip([channels, *widths], lengths, strict=True)]  # from the signal inwards
        for (c_out, longer), (c_in, shorter) in reversed([*pairwise(maps)]):
            up = nn.ConvTranspose1d(
                c_in, c_out, 4, 2, 1, output_padding=longer - 2 * shorter, bias=bias or longer == lengths[0]
            )
            stack += [pick(NORMS, norm, "norm")(c_in), layers.activation(activation), up]
        self.latent_dim = latent_dim
        self.layers = nn.Sequential(*stack)
        self.apply(layers.glorot_init)
        layers.normalise_weights(self, norm)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate signals from latents."""
        return self.layers(z)


class Discriminator(nn.Module):
    """Signals (N, C, L) -> logits (N,).

    Args:
        shape: (C, L).
        width: channels of the first hidden map.
        norm: a key of `NORMS`, after every layer but the first and the last.
        activation: a key of `layers.ACTIVATIONS`.
        dropout: dropout probability of each hidden map.
    """

    def __init__(
        self,
        shape: Sequence[Size],
        width: Size = 64,
        norm: str = "none",
        activation: str = "leaky_relu",
        dropout: BelowOne = 0.0,
    ) -> None:
        super().__init__()
        channels, lengths = _sizes(shape)
        widths, stack = _widths(width, len(lengths) - 1), list[nn.Module]()
        for i, (c_in, c_out) in enumerate(pairwise([channels, *widths])):
            stack += [nn.Conv1d(c_in, c_out, 4, 2, 1, bias=norm in layers.WITHOUT_SHIFT or i == 0)]
            stack += [pick(NORMS, norm if i > 0 else "none", "norm")(c_out), layers.activation(activation), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*stack)
        self.num_features = widths[-1] * lengths[-1]
        self.output = nn.Linear(self.num_features, 1)
        self.apply(layers.glorot_init)
        layers.normalise_weights(self, norm)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the last map, flattened to (N, num_features)."""
        return self.layers(x).flatten(1)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features."""
        return self.output(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x), y)


def _sizes(shape: Sequence[int] | None) -> tuple[int, list[int]]:
    """Return the number of channels, and the lengths of the maps from the signal inwards."""
    if shape is None or len(shape) != 2:
        kind = "images" if shape is None or len(shape) == 3 else "vectors"
        raise InputError(f"network=conv1d makes signals (N, C, L), and these data are {kind}: use network=mlp, which makes any")
    channels, length = shape
    if length < SHORTEST:
        raise InputError(f"network=conv1d makes signals of {SHORTEST} or more positions, not {length}: use network=mlp")
    lengths = [length]
    while lengths[-1] >= SHORTEST:
        lengths.append(lengths[-1] // 2)
    return channels, lengths


def _widths(width: int, k: int) -> list[int]:
    """Return the channels of the k hidden maps, from the signal inwards."""
    return [width * min(2**i, 8) for i in range(k)]
