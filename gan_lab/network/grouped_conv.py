"""A grouped convolution whose second derivative is as fast as its first.

torch takes the weight's part of a double backward group by group (``_convolution_double_backward`` in ATen): for 96 groups 96
small convolutions, which leave a GPU idle. The gradient of the weight is a bilinear function of two maps, whose own derivatives
are grouped convolutions again: no loop is needed. Equal to torch's up to rounding; the third derivative is torch's.

The function is taken apart into the map, which passes its gradient on to the input, and zeros of its shape, which pass theirs
on to the parameters: where the gradient of the input alone is asked for, as by a penalty, that of the weight is not computed.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import conv2d, conv_transpose2d
from torch.nn.grad import conv2d_weight


class GroupedConv2d(nn.Conv2d):
    """`torch.nn.Conv2d`: (N, C, H, W) -> (N, out_channels, H', W'). Strides, dilations and padding modes are left to torch."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve maps."""
        is_plain = (self.stride, self.dilation, self.padding_mode) == ((1, 1), (1, 1), "zeros")
        if not (is_plain and torch.is_grad_enabled()):
            return super().forward(input)
        x, weight, bias = input, self.weight, self.bias
        if not x.is_meta and torch.is_autocast_enabled(x.device.type):  # which does not reach into the backward pass
            half = torch.get_autocast_dtype(x.device.type)
            x, weight, bias = x.to(half), weight.to(half), None if bias is None else bias.to(half)
        padding, groups = self.padding, self.groups
        maps = _ByInput.apply(x, weight, bias, padding, groups)
        return _Join.apply(maps, _ByParameters.apply(weight, bias, [x], maps.shape, padding, groups))


class _ByInput(Function):
    """The convolution, whose gradient is that of its input alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: Any, groups: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.options = {"padding": padding, "groups": groups}
        return conv2d(x, weight, bias, **ctx.options)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        return conv_transpose2d(grads[0], weight, **ctx.options), None, None, None, None


class _ByParameters(Function):
    """Zeros of the shape of the map, whose gradient is that of weight and bias; ``hidden`` holds the input, which gets none."""

    @staticmethod
    def forward(
        ctx: Any, weight: Tensor, bias: Tensor | None, hidden: list[Tensor], shape: Any, padding: Any, groups: int
    ) -> Tensor:
        (x,) = hidden
        ctx.save_for_backward(x)
        ctx.options, ctx.has_bias = (weight.shape, padding, groups), bias is not None
        return x.new_zeros(()).expand(shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        bias = grads[0].sum((0, 2, 3)) if ctx.has_bias else None
        return _WeightGradient.apply(grads[0], x, *ctx.options), bias, None, None, None, None


class _WeightGradient(Function):
    """The gradient of the weight, and its derivatives."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, x: Tensor, shape: Any, padding: Any, groups: int) -> Tensor:
        ctx.save_for_backward(grad, x)
        ctx.options = {"padding": padding, "groups": groups}
        return conv2d_weight(x, shape, grad, **ctx.options)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad, x = ctx.saved_tensors
        by_grad = conv2d(x, grads[0], **ctx.options)
        return by_grad, conv_transpose2d(grad, grads[0], **ctx.options), None, None, None


class _Join(Function):
    """A map as it is, whose gradient goes to both."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, zeros: Tensor) -> Tensor:
        return maps.view_as(maps)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        return grads[0], grads[0]
