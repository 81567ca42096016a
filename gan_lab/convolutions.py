"""Convolutions that are differentiated twice, as by a gradient penalty, in the time of the first derivative.

torch takes a convolution's double backward (``_convolution_double_backward`` in ATen) by convolutions with kernels as large as
maps, and group by group: two thirds of a step of R3GAN on a GPU, half of one of WGAN-GP. The gradients of a convolution are
bilinear functions of two of its three tensors, whose own derivatives are convolutions of the common kinds again. Equal to
torch's up to rounding; the third derivative is torch's.

A convolution is taken apart into the map, which passes its gradient on to the input, and zeros of its shape, which pass theirs
on to the parameters: where the gradient of the input alone is asked for, as by a penalty, that of the weight is not computed.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad
from torch.overrides import TorchFunctionMode

Lengths = int | Sequence[int]

saving_hooks: Callable[[bool], Any] = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", lambda _: None)
"""Return the hooks of tensors that are saved for a backward pass, which torch tells since its version 2.8, or None."""


class TwiceDifferentiable(TorchFunctionMode):
    """A context in which all convolutions, those of any network, are ones whose second derivative is fast.

    On a CPU only those in groups are, for torch's others are as fast there.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch, or ours in its place."""
        return REPLACED.get(func, func)(*args, **(kwargs or {}))


def gradients(value: Tensor, *inputs: Tensor, create_graph: bool = True, **options: Any) -> tuple[Tensor, ...]:
    """Return the gradients of a scalar, which are differentiable with ``create_graph``; further options are torch's.

    Outside autocast, in which a step runs: stages in full precision would lose it on the way back.
    """
    with torch.autocast(value.device.type, enabled=False), torch.enable_grad():
        return torch.autograd.grad(value, inputs, create_graph=create_graph, **options)


def _plain(
    torchs: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Lengths = 1,
    padding: Lengths | str = 0,
    dilation: Lengths = 1,
    groups: int = 1,
) -> Tensor:
    if isinstance(padding, str) or not (_gains(input, groups) and _suits(input, weight)):
        return torchs(input, weight, bias, stride, padding, dilation, groups)
    strides, paddings, dilations = (_each(length, weight) for length in (stride, padding, dilation))
    return _convolved(input, weight, bias, Form(strides, paddings, dilations, False, _each(0, weight), groups))


def _transposed(
    torchs: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Lengths = 1,
    padding: Lengths = 0,
    output_padding: Lengths = 0,
    groups: int = 1,
    dilation: Lengths = 1,
) -> Tensor:
    strides, paddings, dilations, rest = (_each(length, weight) for length in (stride, padding, dilation, output_padding))
    fits = all(more < step for more, step in zip(rest, strides, strict=False))  # else its gradient is larger than the input
    if not (fits and _gains(input, groups) and _suits(input, weight)):
        return torchs(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _convolved(input, weight, bias, Form(strides, paddings, dilations, True, rest, groups))


REPLACED: dict[Any, Callable[..., Tensor]] = {
    **{func: partial(_plain, func) for func in (torch.conv1d, torch.conv2d, torch.conv3d)},
    **{func: partial(_transposed, func) for func in (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)},
}


def _gains(input: Tensor, groups: int) -> bool:
    return torch.is_grad_enabled() and (groups > 1 or input.is_cuda)


def _suits(input: Tensor, weight: Tensor) -> bool:
    """Return whether these are batches of real numbers, in plain eager autograd.

    torch.compile, torch.func and forward mode cannot differentiate ours as often as torch's; a checkpoint recomputes maps
    outside the context, where they are torch's.
    """
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active() or saving_hooks(True):
        return False
    return input.ndim == weight.ndim and input.is_floating_point() and forward_ad._current_level < 0


def _each(length: Lengths, weight: Tensor) -> list[int]:
    """Return a length for each dimension of a map."""
    lengths = [*length] if isinstance(length, Sequence) else [int(length)]  # which may be NumPy's
    return lengths if len(lengths) > 1 else lengths * (weight.ndim - 2)


def _convolved(x: Tensor, weight: Tensor, bias: Tensor | None, form: "Form") -> Tensor:
    if torch.is_autocast_enabled(x.device.type):
        half = torch.get_autocast_dtype(x.device.type)
        x, weight = _cast(x, half), _cast(weight, half)
        bias = None if bias is None else _cast(bias, half)
    maps = _ByInput.apply(x, weight, bias, form)
    if not (weight.requires_grad or (bias is not None and bias.requires_grad)):
        return maps
    return _Join.apply(maps, _ByParameters.apply(weight, bias, [x], maps.shape, form))


def _cast(tensor: Tensor, half: torch.dtype) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.to(half)  # as autocast does


class Form(NamedTuple):
    """The options of a convolution, in the order of ``torch.convolution``."""

    stride: list[int]
    padding: list[int]
    dilation: list[int]
    transposed: bool
    output_padding: list[int]
    groups: int

    def input_gradient(self, grad: Tensor, weight: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the gradient of an input of this shape, by the convolution that is transposed to this one."""
        rest = [0] * len(self.stride)
        if not self.transposed:  # a stride may leave out the last pixels
            sizes = zip(shape[2:], grad.shape[2:], weight.shape[2:], self.stride, self.padding, self.dilation, strict=True)
            rest = [size - ((out - 1) * s - 2 * pad + d * (k - 1) + 1) for size, out, k, s, pad, d in sizes]
        return torch.convolution(grad, weight, None, *self[:3], not self.transposed, rest, self.groups)

    def weight_gradient(self, grad: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        """Return the gradient of a weight of this one's shape."""
        return torch.ops.aten.convolution_backward(grad, x, weight, None, *self, [False, True, False])[1]


class _ByInput(Function):
    """The convolution, whose gradient is that of its input alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, form: Form) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.form, ctx.shape = form, x.shape
        return torch.convolution(x, weight, bias, *form)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        by_input = ctx.form.input_gradient(grads[0], weight, ctx.shape) if ctx.needs_input_grad[0] else None
        return by_input, None, None, None


class _ByParameters(Function):
    """Zeros of the shape of the map, whose gradient is that of weight and bias; ``hidden`` holds the input, which gets none."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor | None, hidden: list[Tensor], shape: Any, form: Form) -> Tensor:
        (x,) = hidden
        ctx.save_for_backward(x, weight)
        ctx.form = form
        return x.new_zeros(()).expand(shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        by_weight = _WeightGradient.apply(grads[0], x, weight.detach(), ctx.form) if ctx.needs_input_grad[0] else None
        by_bias = grads[0].sum((0, *range(2, grads[0].ndim))) if ctx.needs_input_grad[1] else None
        return by_weight, by_bias, None, None, None


class _WeightGradient(Function):
    """The gradient of the weight, and its derivatives."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, x: Tensor, weight: Tensor, form: Form) -> Tensor:
        ctx.save_for_backward(grad, x)
        ctx.form = form
        return form.weight_gradient(grad, x, weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad, x = ctx.saved_tensors
        by_grad = torch.convolution(x, grads[0], None, *ctx.form)
        return by_grad, ctx.form.input_gradient(grad, grads[0], x.shape), None, None


class _Join(Function):
    """A map as it is, whose gradient goes to both."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, zeros: Tensor) -> Tensor:
        return maps.detach()  # no view, which an activation in place would be refused

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        return grads[0], grads[0]
