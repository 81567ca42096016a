"""Blocks that the networks share, and their choices by name.

No activation works in place: before a skip that would change the shortcut (MMGeneration measured a worse FID for it).
"""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d
from torch.nn.utils.parametrizations import spectral_norm

from gan_lab.errors import InputError, pick

WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


class VirtualBatchNorm(nn.Module):
    """Normalises each example by a fixed reference batch and itself (Salimans 2016, section 3.5).

    The reference is the first batch that the layer sees in training: its size n, mean and variance stay in buffers. In the
    statistics the reference counts n / (n + 1) and the example 1 / (n + 1), so no example depends on the others of its batch.
    The first batch is its own reference, of which no gradient is taken. Before it, nothing is normalised.

    Differs from the paper: there the reference batch passes through the net beside every batch, so that its statistics are
    those of today's weights and have gradients. Here they are those of the first weights, which costs nothing and needs no
    change to a net, but they do not follow: the further the weights move, the less the maps are standardised, and in the
    end this is a scale and shift that the data have initialised. The paper has it in G alone; with it in both nets of a
    DCGAN training collapsed, with it in either it did not.
    """

    reference_size: Tensor
    mean: Tensor
    var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("reference_size", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, channels, H, W), or vectors (N, channels)."""
        h = x.reshape(*x.shape[:2], -1).to(self.mean.dtype)
        if self.training:
            self._remember(h.detach())
        share = (self.reference_size > 0) / (self.reference_size + 1)
        var, mean = torch.var_mean(h, 2, correction=0)
        distance = mean - self.mean
        mean = self.mean + share * distance
        var = torch.lerp(self.var, var, share) + share * (1 - share) * distance.square()  # of the two together
        h = (h - mean[..., None]) * (var[..., None] + 1e-5).rsqrt()
        return (h * self.gain[:, None] + self.shift[:, None]).reshape(x.shape)

    def _remember(self, h: Tensor) -> None:
        """Keep the statistics of the first batch; chosen on the device, which a branch would make the host wait for."""
        is_first = self.reference_size == 0
        var, mean = torch.var_mean(h, (0, 2), correction=0)
        self.mean.copy_(torch.where(is_first, mean, self.mean))
        self.var.copy_(torch.where(is_first, var, self.var))
        self.reference_size.copy_(torch.where(is_first, len(h), self.reference_size))


NORMS: Mapping[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": partial(nn.GroupNorm, 1),  # over (C, H, W), a gain per channel: the layer norm of Gulrajani 2017
    "instance": partial(nn.InstanceNorm2d, affine=True),
    "virtual_batch": VirtualBatchNorm,
    "none": nn.Identity,
    "spectral": nn.Identity,  # normalises the weights instead: see `normalise_weights`
}

WITHOUT_SHIFT = ("none", "spectral")
"""The norms that add no bias of their own."""

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": partial(nn.LeakyReLU, 0.2),  # Radford 2016
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


class ConditionalBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm whose gain (at first 1) and shift (at first 0) belong to a class (Dumoulin 2017, de Vries 2017)."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__(channels, affine=False)
        self.gain, self.shift = (nn.Embedding(num_classes, channels) for _ in range(2))
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]  # it needs labels
        """Maps (N, channels, H, W) of the classes y (N,)."""
        return super().forward(x) * self.gain(y)[..., None, None] + self.shift(y)[..., None, None]


class SelfAttention(nn.Module):
    """Each position of a map looks at all others (Zhang 2019, eq. 1 to 3, by the authors' code).

    Queries and keys have an eighth of the channels, values a half; keys and values are max-pooled where the map is even. What
    is found is added with the weight ``gamma``, at first 0.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        eighth, half = max(channels // 8, 1), max(channels // 2, 1)
        self.query, self.key, self.value = (nn.Conv2d(channels, c, 1, bias=False) for c in (eighth, eighth, half))
        self.output = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Maps (N, channels, H, W); labels are not looked at, but blocks are called with them."""
        query, key, value = self.query(x), self.key(x), self.value(x)
        if x.shape[2] % 2 == 0:
            key, value = max_pool2d(key, 2), max_pool2d(value, 2)
        weights = (query.flatten(2).transpose(1, 2) @ key.flatten(2)).softmax(2)  # (N, H W, places looked at)
        found = value.flatten(2) @ weights.transpose(1, 2)
        return x + self.gamma * self.output(found.unflatten(2, x.shape[2:]))


def norm(name: str, channels: int, num_classes: int | None = None) -> nn.Module:
    """A norm for maps (N, channels, H, W); with ``num_classes`` a conditional one, of which there is only batch."""
    if num_classes is not None and name == "batch":
        return ConditionalBatchNorm2d(channels, num_classes)
    return pick(NORMS, name, "norm")(channels)


def normalised(norm: nn.Module, x: Tensor, y: Tensor | None) -> Tensor:
    """The maps after a norm, which may ask for the labels."""
    return norm(x, y) if isinstance(norm, ConditionalBatchNorm2d) else norm(x)


def activation(name: str) -> nn.Module:
    """An activation by name."""
    return pick(ACTIVATIONS, name, "activation")()


def up(name: str, c_in: int, c_out: int, bias: bool = True) -> nn.Module:
    """(N, c_in, H, W) -> (N, c_out, 2H, 2W)."""
    return pick(UPS, name, "up")(c_in, c_out, bias)


def down(name: str, c_in: int, c_out: int, bias: bool = True) -> nn.Module:
    """(N, c_in, 2H, 2W) -> (N, c_out, H, W)."""
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
    """Weights N(0, 0.02), biases 0; for ``Module.apply``."""
    if isinstance(module, WEIGHTED):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def dcgan_init(module: nn.Module) -> None:
    """`normal_init`, and gains of BatchNorm N(1, 0.02): Radford 2016 and its code; for ``Module.apply``."""
    normal_init(module)
    if isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def glorot_init(module: nn.Module) -> None:
    """Uniform weights of variance 2 / (fan in + fan out), biases 0; for ``Module.apply``."""
    if isinstance(module, WEIGHTED):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def normalise_weights(net: nn.Module, norm: str) -> None:
    """With ``norm="spectral"``, divide each layer's weights by their largest singular value (Miyato 2018, algorithm 1).

    The estimate moves at each forward in training mode and rests in evaluation mode. Call this last: an initialisation
    after it would write to a copy.
    """
    if norm == "spectral":
        for module in list(net.modules()):
            if isinstance(module, WEIGHTED):
                spectral_norm(module)


def base_and_doublings(image_size: int, network: str) -> tuple[int, int]:
    """(b, k) with ``image_size`` = b 2^k, b from 4 to 7 and k at least 1: a size has one such pair or none."""
    if image_size == 1:
        raise InputError(f"network={network} makes images, and data of size 1 are points: use network=mlp")
    k = max(image_size.bit_length() - 3, 1)
    b, rest = divmod(image_size, 2**k)
    if b >= 4 and rest == 0:
        return b, k
    nearest = f"{b * 2**k} or {(b + 1) * 2**k}" if b >= 4 else "8"
    raise InputError(
        f"data.image_size={image_size} cannot be made by network={network} "
        f"(sizes are 4, 5, 6 or 7 times 2, 4, 8, ...): use {nearest}"
    )
