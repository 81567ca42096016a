import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd import forward_ad, grad, gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from gan_lab import convolutions
from gan_lab.convolutions import TwiceDifferentiable, gradients

KNOWS_HOOKS = hasattr(torch._C._autograd, "_top_saved_tensors_default_hooks")

CASES = [
    (nn.Conv2d, {"groups": 4, "padding": 1}),
    (nn.Conv2d, {"groups": 8, "padding": 0, "bias": False}),
    (nn.Conv2d, {"groups": 1, "padding": 1}),
    (nn.Conv2d, {"groups": 2, "stride": 2, "dilation": 2, "padding": (2, 1)}),
    (nn.Conv2d, {"groups": 2, "padding": 1, "padding_mode": "circular"}),
    (nn.Conv2d, {"groups": 2, "padding": "same"}),
    (nn.ConvTranspose2d, {"groups": 4, "stride": 2, "padding": 1, "output_padding": (1, 0)}),
    (nn.ConvTranspose2d, {"groups": 1, "stride": 3}),
    (nn.ConvTranspose2d, {"groups": 2, "dilation": 2, "output_padding": 1}),
    (nn.Conv1d, {"groups": 2, "stride": 3}),
    (nn.ConvTranspose1d, {"groups": 1, "dilation": 2}),
    (nn.Conv3d, {"groups": 2}),
]


class Convolutions(TorchDispatchMode):
    """Counts convolutions and their gradients."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.number += "convolution" in str(func)
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def everywhere(monkeypatch):
    """Replaces all convolutions, as on a GPU."""
    monkeypatch.setattr(convolutions, "_gains", lambda input, groups: torch.is_grad_enabled())


def ours(conv):
    """A convolution as penalties see it."""

    def convolved(x):
        with TwiceDifferentiable():
            return conv(x)

    return convolved


def penalised(convolved, conv, x):
    """A loss with a zero-centred gradient penalty, and the gradients of all."""
    loss = convolved(x).square().sum()
    (slope,) = grad(loss, x, create_graph=True)
    return grad(loss + slope.square().sum(), [x, *conv.parameters()])


@pytest.mark.parametrize(("layer", "options"), CASES)
def test_maps_and_both_derivatives_are_torchs(layer, options):
    conv = layer(8, 16, 3, **options).double()
    x = torch.randn(2, 8, *[6] * (conv.weight.ndim - 2), dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ours(conv)(x), conv(x))
    for mine, torchs in zip(penalised(ours(conv), conv, x), penalised(conv, conv, x), strict=True):
        torch.testing.assert_close(mine, torchs)


def test_derivatives_are_those_of_finite_differences():
    conv = nn.Conv2d(2, 2, 2, padding=1, groups=2).double()

    def convolved(x, weight, bias):
        with TwiceDifferentiable():
            return torch.func.functional_call(conv, {"weight": weight, "bias": bias}, (x,))

    inputs = torch.randn(1, 2, 2, 2, dtype=torch.float64, requires_grad=True), *conv.parameters()
    assert gradcheck(convolved, inputs)
    assert gradgradcheck(convolved, inputs)


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
def test_a_penalty_takes_as_many_convolutions_whatever_the_number_of_groups(layer):
    numbers = {}
    for groups in (2, 8):
        conv = layer(8, 16, 3, groups=groups)
        for name, convolved in (("ours", ours(conv)), ("torch", conv)):
            with Convolutions() as counter:
                penalised(convolved, conv, torch.randn(1, 8, 4, 4, requires_grad=True))
            numbers[name, groups] = counter.number
    assert numbers["ours", 2] == numbers["ours", 8]
    assert numbers["torch", 2] < numbers["torch", 8]  # the loop for which these are here


def test_the_gradient_of_the_input_alone_leaves_that_of_the_weight_out():
    conv, x = nn.Conv2d(8, 8, 3, groups=4), torch.randn(1, 8, 4, 4, requires_grad=True)
    with Convolutions() as counter:
        grad(ours(conv)(x).sum(), x)
    assert counter.number == 2  # the map, and the gradient


def test_a_filter_without_gradient_has_none_in_the_double_backward():
    kernel, x = torch.ones(8, 1, 2, 2), torch.randn(1, 8, 4, 4, requires_grad=True)
    with Convolutions() as counter, TwiceDifferentiable():
        (slope,) = grad(nn.functional.conv2d(x, kernel, groups=8).square().sum(), x, create_graph=True)
        grad(slope.square().sum(), x)
    assert counter.number == 4  # the map, its gradient, and one for each of both


def test_under_autocast_the_double_backward_is_bf16_as_the_map():
    conv, x = nn.Conv2d(8, 8, 3, groups=4), torch.randn(1, 8, 4, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        maps = ours(conv)(x)
    assert maps.dtype == torch.bfloat16
    (slope,) = grad(maps.float().square().sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert conv.weight.grad.dtype == torch.float32
    assert conv.weight.grad.isfinite().all()


def test_gradients_are_in_the_precision_of_their_layers_within_autocast():
    conv, x = nn.Conv2d(8, 8, 3, groups=4), torch.randn(1, 8, 4, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        with torch.autocast("cpu", enabled=False):
            value = ours(conv)(x).square().sum()
        (slope,) = gradients(value, x)
    assert torch.equal(slope, grad(ours(conv)(x).square().sum(), x)[0])


def in_place(conv, x):
    return nn.functional.leaky_relu_(conv(x).mul_(2)).flatten(1)


def unbatched(conv, x):
    return torch.stack([conv(image) for image in x])


def of_each_image(conv, x):
    return torch.func.vmap(lambda image: conv(image[None]))(x)


def forwards(conv, x):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(conv(forward_ad.make_dual(x, x.detach().cos())).tanh()).tangent


def recomputed(conv, x):
    return checkpoint(lambda maps: conv(maps).tanh(), x.tanh(), use_reentrant=False)


def compiled(conv, x):
    return torch.compile(conv, backend="eager")(x)


def of_complex_numbers(conv, x):
    return nn.functional.conv2d(torch.complex(x, x), torch.complex(conv.weight, conv.weight)).abs()


def of_numpys_stride(conv, x):
    return nn.functional.conv2d(x, conv.weight, stride=np.int64(2))


USES = [
    in_place,
    of_numpys_stride,
    forwards,
    unbatched,
    of_each_image,
    of_complex_numbers,
    pytest.param(compiled, marks=pytest.mark.slow),
]
USES += [pytest.param(recomputed, marks=pytest.mark.skipif(not KNOWS_HOOKS, reason="torch tells of a checkpoint since 2.8"))]


@pytest.mark.parametrize("use", USES)
def test_any_use_of_a_convolution_has_torchs_derivatives(use):
    conv, x = nn.Conv2d(2, 4, 3, bias=False).double(), torch.randn(2, 2, 5, 5, dtype=torch.float64, requires_grad=True)

    def ours(x):
        with TwiceDifferentiable():
            return use(conv, x)

    mine, torchs = penalised(ours, conv, x), penalised(lambda x: use(conv, x), conv, x)
    for one, other in zip(mine, torchs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_a_frozen_parameter_costs_no_gradient(frozen):
    conv, x = nn.Conv2d(8, 8, 3, groups=4), torch.randn(1, 8, 4, 4)
    getattr(conv, frozen).requires_grad_(False)
    with Convolutions() as counter:
        ours(conv)(x).sum().backward()
    assert counter.number == (1 if frozen == "weight" else 2)
    assert [name for name, weight in conv.named_parameters() if weight.grad is None] == [frozen]


def test_autocast_leaves_float64_as_it_is():
    conv, x = nn.Conv2d(8, 8, 3, groups=4).double(), torch.randn(1, 8, 4, 4, dtype=torch.float64)
    with torch.autocast("cpu", torch.bfloat16):
        assert ours(conv)(x).dtype == conv(x).dtype == torch.float64


def test_without_gradients_and_outside_the_context_torchs_are_left_alone():
    conv, x = nn.Conv2d(8, 8, 3, groups=4), torch.randn(1, 8, 4, 4)
    with torch.no_grad():
        assert torch.equal(ours(conv)(x), conv(x))
    assert "ConvolutionBackward" in conv(x).grad_fn.name()
    assert "Join" in ours(conv)(x).grad_fn.name()
