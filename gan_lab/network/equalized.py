"""Layers of the PGGAN and StyleGAN networks: equalized learning rate, FIR resampling, minibatch statistics."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear

from gan_lab.errors import InputError

SLOPE = 0.2
CLAMP = 256.0
"""Largest value of a map of 16 bits (Karras 2020, StyleGAN2-ADA, appendix D.1)."""
FIR = (1.0, 3.0, 3.0, 1.0)
"""StyleGAN2's binomial filter."""


class EqualizedLinear(nn.Module):
    """Linear layer whose weights are N(0, 1) and are scaled at each pass (Karras 2018, section 4.1).

    Args:
        c_in: inputs.
        c_out: outputs.
        bias: initial bias.
        lr_factor: learning rate of weights and biases, relative to the optimizer's (Karras 2019, appendix C).
        gain: of the weights.
    """

    def __init__(self, c_in: int, c_out: int, bias: float = 0.0, lr_factor: float = 1.0, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c_out, c_in) / lr_factor)
        self.bias = nn.Parameter(torch.full((c_out,), bias / lr_factor))
        self.scale, self.lr_factor = gain * lr_factor / math.sqrt(c_in), lr_factor

    def forward(self, x: Tensor) -> Tensor:
        """Return x (N, c_in) times the scaled weights, plus the scaled bias."""
        return linear(x, self.weight * self.scale, self.bias * self.lr_factor)


class EqualizedConv2d(nn.Module):
    """Convolution whose weights are N(0, 1) and are scaled at each pass (Karras 2018, section 4.1).

    Args:
        c_in: channels of the input.
        c_out: channels of the output.
        kernel: height and width of the kernel, odd.
        bias: whether there is one, initially 0.
        gain: of the weights.
        halve: filter with `FIR` and take every second position (Karras 2020, section 4).
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, bias: bool = True, gain: float = 1.0, halve: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c_out, c_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None
        self.scale, self.padding, self.halve = gain / math.sqrt(c_in * kernel**2), kernel // 2, halve

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of x (N, c_in, H, W), of the same or half the height and width."""
        weight = (self.weight * self.scale).to(x.dtype)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        if not self.halve:
            return conv2d(x, weight, bias, padding=self.padding)
        x = filtered(x, self.padding + 1, stride=1 if self.padding else 2)
        return conv2d(x, weight, bias, stride=2 if self.padding else 1)


def map_channels(image_size: int, width: int, channel_base: int) -> list[int]:
    """Return the channels of the maps of heights 4, 8, ..., ``image_size``: ``channel_base`` / height, at most ``width``."""
    check_size(image_size)
    return [min(width, channel_base >> k) for k in range(2, image_size.bit_length())]


def check_size(image_size: int) -> None:
    """Refuse an image size that is no power of two from 8 on."""
    if image_size < 8 or image_size & (image_size - 1):
        larger = max(8, 1 << (image_size - 1).bit_length())
        raise InputError(
            f"data.image_size={image_size} is not supported by this network (sizes are powers of two from 8 on): use {larger}"
        )


def activated(x: Tensor, gain: float = math.sqrt(2)) -> Tensor:
    """Return LeakyReLU(0.2) times ``gain``, which preserves the variance; maps of 16 bits are clamped to +-`CLAMP`."""
    x = leaky_relu(x, SLOPE) * gain
    return x.clamp(-CLAMP, CLAMP) if x.element_size() == 2 else x


def precision(x: Tensor, half: bool) -> AbstractContextManager:
    """Return a context in which layers compute as autocast says, or without ``half`` in the precision of their weights."""
    return nullcontext() if half or x.is_meta else torch.autocast(x.device.type, enabled=False)


def normalised(z: Tensor) -> Tensor:
    """Return rows of mean square 1: pixel norm of vectors (Karras 2018, section 4.2)."""
    return z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def taps(x: Tensor, gain: float = 1.0, row: Sequence[float] = FIR) -> Tensor:
    """Return the filter ``row`` in two dimensions, of sum ``gain``, for each channel of x: (C, 1, 4, 4) for `FIR`."""
    line = torch.stack([x.new_full((), value) for value in row])  # no list: a captured step cannot copy one from the host
    kernel = torch.outer(line, line) * (gain / sum(row) ** 2)
    return kernel.expand(x.shape[1], 1, -1, -1)


def filtered(x: Tensor, padding: int, stride: int = 1, gain: float = 1.0) -> Tensor:
    """Filter each channel with `taps`: a depthwise convolution, differentiable twice."""
    return conv2d(x, taps(x, gain), padding=padding, stride=stride, groups=x.shape[1])


def blurred(x: Tensor) -> Tensor:
    """Filter maps with [1, 2, 1], as StyleGAN does after upsampling and before downsampling (Karras 2019, section 2.2)."""
    return conv2d(x, taps(x, row=(1.0, 2.0, 1.0)), padding=1, groups=x.shape[1])


def doubled(x: Tensor) -> Tensor:
    """Upsample maps (N, C, H, W) to (N, C, 2H, 2W): zeros between the pixels, then `taps`."""
    return conv_transpose2d(x, taps(x, gain=4.0), stride=2, padding=1, groups=x.shape[1])


def halved(x: Tensor) -> Tensor:
    """Downsample maps (N, C, 2H, 2W) to (N, C, H, W): `taps`, then every second pixel."""
    return filtered(x, padding=1, stride=2)


def doubled_conv2d(x: Tensor, weight: Tensor) -> Tensor:
    """Upsample maps by a transposed convolution with 3x3 weights (c_out, c_in, 3, 3), then `taps`: (N, c_out, 2H, 2W)."""
    return filtered(conv_transpose2d(x, weight.transpose(0, 1), stride=2), padding=1, gain=4.0)


class MinibatchStd(nn.Module):
    """Appends the standard deviation over groups of images as further maps (Karras 2018, section 3).

    Args:
        group: images in a group; the group of image i is every (N / ``group``)-th one. In evaluation, whose batches have any
            size, the next smaller number that divides it.
        maps: channels in each of which one deviation is the mean.
    """

    def __init__(self, group: int = 4, maps: int = 1) -> None:
        super().__init__()
        self.group, self.maps = group, maps

    def check(self, n: int) -> None:
        """Refuse a batch of ``n`` images in training that groups do not divide."""
        if n % (group := min(self.group, n)):
            raise InputError(
                f"minibatch statistics need a batch that groups of {group} divide, and D sees {n} images: choose another "
                "data.batch_size or model.growth.batch_sizes, for each process and part of it, or network.discriminator.group"
            )

    def forward(self, x: Tensor) -> Tensor:
        """Append to x (N, C, H, W): (N, C + maps, H, W)."""
        n, c, h, w = x.shape
        if self.training:
            self.check(n)
        group = next(size for size in range(min(self.group, n), 0, -1) if n % size == 0)
        y = x.to(torch.promote_types(x.dtype, torch.float32)).reshape(group, -1, self.maps, c // self.maps, h, w)
        deviation = (y.var(0, correction=0) + 1e-8).sqrt().mean((2, 3, 4))  # (N / group, maps)
        return torch.cat([x, deviation.to(x.dtype).repeat(group, 1)[..., None, None].expand(-1, -1, h, w)], 1)
