"""Layers, initialisations and size arithmetic that several networks share, with tables of choices by name.

No activation is in-place: before a skip connection that would change the shortcut (MMGeneration measured a worse FID for it).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import ParametrizationList

from gan_lab.errors import InputError, pick
from gan_lab.network.virtual_batch_norm import VirtualBatchNorm
from gan_lab.sizes import height_and_width

WEIGHTED = (nn.Conv1d, nn.ConvTranspose1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)

NORMS: Mapping[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": partial(nn.GroupNorm, 1),  # over (C, H, W) with a gain per channel: the layer norm of Gulrajani 2017
    "instance": partial(nn.InstanceNorm2d, affine=True),
    "virtual_batch": VirtualBatchNorm,
    "none": nn.Identity,
    "spectral": nn.Identity,  # normalises the weights instead: see `normalise_weights`
}

WITHOUT_SHIFT = ("none", "spectral")
"""Norms without a learned shift, before which a layer needs its own bias."""

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": partial(nn.LeakyReLU, 0.2),  # Radford 2016
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


class ConditionalBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm with a gain (initially 1) and a shift (initially 0) per class (Dumoulin 2017, de Vries 2017)."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__(channels, affine=False)
        self.gain, self.shift = (nn.Embedding(num_classes, channels) for _ in range(2))
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]  # it needs labels
        """Normalise maps (N, channels, H, W) of the classes y (N,)."""
        return super().forward(x) * self.gain(y)[..., None, None] + self.shift(y)[..., None, None]


class SelfAttention(nn.Module):
    """Self-attention over the positions of a map (Zhang 2019, eq. 1 to 3, as in the authors' code).

    Queries and keys have an eighth of the channels, values a half; keys and values of a map of even size are max-pooled. The
    result is added to the input with the learned weight ``gamma``, initially 0.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        eighth, half = max(channels // 8, 1), max(channels // 2, 1)
        self.query, self.key, self.value = (nn.Conv2d(channels, c, 1, bias=False) for c in (eighth, eighth, half))
        self.output = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Attend over maps (N, channels, H, W); ``y`` is ignored, but blocks are called with it."""
        query, key, value = self.query(x), self.key(x), self.value(x)
        if x.shape[2] % 2 == 0:
            key, value = max_pool2d(key, 2), max_pool2d(value, 2)
        weights = (query.flatten(2).transpose(1, 2) @ key.flatten(2)).softmax(2)  # (N, H W, keys)
        found = value.flatten(2) @ weights.transpose(1, 2)
        return x + self.gamma * self.output(found.unflatten(2, x.shape[2:]))


def norm(name: str, channels: int, num_classes: int | None = None) -> nn.Module:
    """Make a norm for maps (N, channels, H, W); with ``num_classes``, "batch" is conditional on labels."""
    if num_classes is not None and name == "batch":
        return ConditionalBatchNorm2d(channels, num_classes)
    return pick(NORMS, name, "norm")(channels)


def normalised(norm: nn.Module, x: Tensor, y: Tensor | None) -> Tensor:
    """Apply a norm to maps, with labels if it is conditional."""
    return norm(x, y) if isinstance(norm, ConditionalBatchNorm2d) else norm(x)


def activation(name: str) -> nn.Module:
    """Make an activation by name."""
    return pick(ACTIVATIONS, name, "activation")()


def up(name: str, c_in: int, c_out: int, bias: bool = True) -> nn.Module:
    """Make an upsampling layer by name: (N, c_in, H, W) -> (N, c_out, 2H, 2W)."""
    return pick(UPS, name, "up")(c_in, c_out, bias)


def down(name: str, c_in: int, c_out: int, bias: bool = True) -> nn.Module:
    """Make a downsampling layer by name: (N, c_in, 2H, 2W) -> (N, c_out, H, W)."""
    return pick(DOWNS, name, "down")(c_in, c_out, bias)


def _transposed(c_in: int, c_out: int, bias: bool) -> nn.Module:
    return nn.ConvTranspose2d(c_in, c_out, 4, 2, 1, bias=bias)


def _nearest(c_in: int, c_out: int, bias: bool) -> nn.Module:
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(c_in, c_out, 3, padding=1, bias=bias))


def _pixel_shuffle(c_in: int, c_out: int, bias: bool) -> nn.Module:
    return nn.Sequential(nn.Conv2d(c_in, 4 * c_out, 3, padding=1, bias=bias), nn.PixelShuffle(2))


def _strided(c_in: int, c_out: int, bias: bool) -> nn.Module:
    return nn.Conv2d(c_in, c_out, 4, 2, 1, bias=bias)


def _average(c_in: int, c_out: int, bias: bool) -> nn.Module:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1, bias=bias), nn.AvgPool2d(2))


Resample = Callable[[int, int, bool], nn.Module]
UPS: Mapping[str, Resample] = {"transposed": _transposed, "nearest": _nearest, "pixel_shuffle": _pixel_shuffle}
DOWNS: Mapping[str, Resample] = {"strided": _strided, "average": _average}


def normal_init(module: nn.Module) -> None:
    """Initialise weights from N(0, 0.02) and biases to 0."""
    if isinstance(module, WEIGHTED):
        nn.init.normal_(module.weight, 0.0, 0.02)
        _zero_bias(module)


def dcgan_init(module: nn.Module) -> None:
    """Apply `normal_init` and draw BatchNorm gains from N(1, 0.02) (Radford 2016 and its code)."""
    normal_init(module)
    if isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def glorot_init(module: nn.Module) -> None:
    """Initialise weights uniformly with variance 2 / (fan in + fan out) and biases to 0 (Glorot 2010)."""
    if isinstance(module, WEIGHTED):
        nn.init.xavier_uniform_(module.weight)
        _zero_bias(module)


def wgan_gp_init(module: nn.Module) -> None:
    """Apply `glorot_init`, but with twice the variance in convolutions larger than 1x1 (Gulrajani 2017, the authors' code).

    There a stride divides the fan of the smaller map, which has fewer positions for each weight.
    """
    if isinstance(module, WEIGHTED):
        strided, other = module.weight.shape[:2]  # outputs and inputs; of a transposed convolution inputs and outputs
        positions = module.weight[0, 0].numel()
        fans = positions * (strided / math.prod(getattr(module, "stride", ())) + other)
        bound = math.sqrt((12 if positions > 1 else 6) / fans)
        nn.init.uniform_(module.weight, -bound, bound)
        _zero_bias(module)


def orthogonal_init(module: nn.Module) -> None:
    """Make weights and embeddings orthogonal and biases 0; the gains of a class become 1 plus such a table (Brock 2019)."""
    if isinstance(module, (*WEIGHTED, nn.Embedding)):
        nn.init.orthogonal_(module.weight)
        _zero_bias(module)
    elif isinstance(module, ConditionalBatchNorm2d):  # after its tables
        with torch.no_grad():
            module.gain.weight += 1


def torch_bias_init(module: nn.Module) -> None:
    """Keep the weights, and draw biases as torch does: uniformly within 1 / sqrt(fan in)."""
    if isinstance(module, WEIGHTED) and module.bias is not None:
        bound = module.weight[0].numel() ** -0.5
        nn.init.uniform_(module.bias, -bound, bound)


INITS: Mapping[str, Callable[[nn.Module], None]] = {
    "normal": normal_init,
    "dcgan": dcgan_init,
    "glorot": glorot_init,
    "wgan_gp": wgan_gp_init,
    "orthogonal": orthogonal_init,
    "torch_bias": torch_bias_init,
}
"""Initial weights by name: functions for ``Module.apply``."""


def initialise(network: nn.Module, init: str | None) -> None:
    """Draw a network's initial weights by name; None leaves them. Call this before `normalise_weights`."""
    if init is not None:
        network.apply(pick(INITS, init, "init"))


def _zero_bias(module: nn.Module) -> None:
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(cast(Tensor, module.bias))


def has_spectral_norm(network: nn.Module) -> bool:
    """Return whether any weight of a network is parametrised, as under `normalise_weights` with norm spectral."""
    return any(isinstance(module, ParametrizationList) for module in network.modules())


def normalise_weights(net: nn.Module, norm: str) -> None:
    """With ``norm="spectral"``, divide each layer's weights by their largest singular value (Miyato 2018, algorithm 1).

    The estimate is updated at each forward pass in training mode only. Call this last: an initialisation after it would
    write to a copy of the weights.
    """
    if norm == "spectral":
        for module in list(net.modules()):
            if isinstance(module, WEIGHTED):
                spectral_norm(module)


def base_map(image_size: int | Sequence[int], network: str) -> tuple[int, int, int]:
    """Return (h, w, k) with a height h 2^k and a width w 2^k: the shorter one as in `base_and_doublings`."""
    height, width = height_and_width(image_size)
    short, long = sorted((height, width))
    _, k = base_and_doublings(short, network)
    if long % 2**k:
        nearest = max(1, round(long / 2**k)) * 2**k
        fitting = [short, nearest] if height == short else [nearest, short]
        raise InputError(
            f"data.image_size=[{height},{width}] is not supported by network={network} (beside {short} the other side is a "
            f"multiple of {2**k}): use [{fitting[0]},{fitting[1]}]"
        )
    return height >> k, width >> k, k


def base_and_doublings(image_size: int, network: str) -> tuple[int, int]:
    """Return (b, k) with ``image_size`` = b 2^k, b from 4 to 7 and k at least 1; a size has at most one such pair."""
    if image_size == 1:
        raise InputError(f"network={network} makes images, but data of size 1 are points: use network=mlp")
    k = max(image_size.bit_length() - 3, 1)
    b, rest = divmod(image_size, 2**k)
    if b >= 4 and rest == 0:
        return b, k
    nearest = f"{b * 2**k} or {(b + 1) * 2**k}" if b >= 4 else "8"
    raise InputError(
        f"data.image_size={image_size} is not supported by network={network} "
        f"(sizes are 4, 5, 6 or 7 times 2, 4, 8, ...): use {nearest}"
    )
