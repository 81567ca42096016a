"""WGAN-GP's character-level pair (Gulrajani 2017, https://arxiv.org/abs/1704.00028), as in igul222/improved_wgan_training.

Both nets are five residual blocks of 1-D convolutions that keep the length, without norms. G ends in a softmax over the
channels, so a sample is a distribution over the vocabulary at each position, and D compares it with one-hot characters. No
sampling step stands between the two: gradients pass as through any image. Supports every shape (C, L).

Differs from the authors' code: nothing known.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from gan_lab.errors import InputError
from gan_lab.ranges import Size

BLOCKS = 5
KERNEL_SIZE = 5
RESIDUAL_WEIGHT = 0.3
RESIDUAL_GAIN = 2**0.5  # initial gain of every convolution; linear layers have 1


class Generator(nn.Module):
    """z (N, latent_dim) -> probabilities (N, C, L), which sum to 1 over C.

    Args:
        latent_dim: size of z.
        shape: (C, L) of the data.
        width: channels of the hidden maps.
    """

    def __init__(self, latent_dim: Size, shape: Sequence[Size] | None, width: Size = 512) -> None:
        super().__init__()
        channels, length = checked(shape)
        self.latent_dim = latent_dim
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, width * length),
            nn.Unflatten(1, (width, length)),
            *(CharBlock(width) for _ in range(BLOCKS)),
            nn.Conv1d(width, channels, 1),
            nn.Softmax(1),
        )
        self.apply(_glorot)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Generate distributions of characters from latents."""
        return self.layers(z)


class Discriminator(nn.Module):
    """One-hot characters or probabilities (N, C, L) -> logits (N,).

    Args:
        shape: (C, L) of the data.
        width: channels of the hidden maps.
    """

    def __init__(self, shape: Sequence[Size] | None, width: Size = 512) -> None:
        super().__init__()
        channels, length = checked(shape)
        self.layers = nn.Sequential(nn.Conv1d(channels, width, 1), *(CharBlock(width) for _ in range(BLOCKS)), nn.Flatten())
        self.num_features = width * length
        self.output = nn.Linear(self.num_features, 1)
        self.apply(_glorot)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the last map, flattened to (N, width L)."""
        return self.layers(x)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,) from features."""
        return self.output(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Compute logits (N,)."""
        return self.head(self.features(x), y)


class CharBlock(nn.Module):
    """Residual block (N, width, L) -> the same shape: x + 0.3 conv(relu(conv(relu(x))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        convs = [nn.Conv1d(width, width, KERNEL_SIZE, padding=KERNEL_SIZE // 2) for _ in range(2)]
        self.branch = nn.Sequential(nn.ReLU(), convs[0], nn.ReLU(), convs[1])

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch."""
        return x + RESIDUAL_WEIGHT * self.branch(x)


def checked(shape: Sequence[int] | None) -> tuple[int, int]:
    """Return channels and length; refuse data of another kind."""
    if shape is None or len(shape) != 2:
        given = "images" if shape is None else f"data.shape={list(shape)}"
        raise InputError(
            f"network=char_cnn makes one-hot characters of data.shape=[CHANNELS,LENGTH], not {given}: use data=text_lines, or "
            "another network"
        )
    return shape[0], shape[1]


def _glorot(layer: nn.Module) -> None:
    """Draw weights as Glorot 2010, uniform; those of convolutions for ReLU (He 2015), by fan-in and fan-out together."""
    if isinstance(layer, nn.Conv1d | nn.Linear) and layer.bias is not None:
        nn.init.xavier_uniform_(layer.weight, RESIDUAL_GAIN if isinstance(layer, nn.Conv1d) else 1.0)
        nn.init.zeros_(layer.bias)
