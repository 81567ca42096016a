import pytest
import torch
from torch import nn
from torch.autograd import grad, gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from gan_lab.network.grouped_conv import GroupedConv2d

CASES = [{"groups": 4, "padding": 1}, {"groups": 8, "padding": 0, "bias": False}, {"groups": 1, "padding": 1},
         {"groups": 2, "stride": 2}, {"groups": 2, "padding": 1, "padding_mode": "circular"}]  # fmt: skip


class Convolutions(TorchDispatchMode):
    """Counts convolutions and their gradients."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.number += "convolution" in str(func)
        return func(*args, **(kwargs or {}))


def pair(groups, **options):
    """Ours and torch's, with the same weights."""
    ours, torchs = (cls(8, 16, 3, groups=groups, **options).double() for cls in (GroupedConv2d, nn.Conv2d))
    torchs.load_state_dict(ours.state_dict())
    return ours, torchs


def penalised(conv, x):
    """A loss with a zero-centred gradient penalty, and the gradients of all."""
    loss = conv(x).square().sum()
    (slope,) = grad(loss, x, create_graph=True)
    return grad(loss + slope.square().sum(), [x, *conv.parameters()])


@pytest.mark.parametrize("options", CASES)
def test_maps_and_both_derivatives_are_torchs(options):
    ours, torchs = pair(**options)
    x = torch.randn(2, 8, 5, 5, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ours(x), torchs(x))
    for mine, theirs in zip(penalised(ours, x), penalised(torchs, x), strict=True):
        torch.testing.assert_close(mine, theirs)
    with torch.no_grad():
        assert torch.equal(ours(x), torchs(x))


def test_derivatives_are_those_of_finite_differences():
    conv = GroupedConv2d(2, 2, 2, padding=1, groups=2).double()

    def convolved(x, weight, bias):
        return torch.func.functional_call(conv, {"weight": weight, "bias": bias}, (x,))

    inputs = torch.randn(1, 2, 2, 2, dtype=torch.float64, requires_grad=True), *conv.parameters()
    assert gradcheck(convolved, inputs)
    assert gradgradcheck(convolved, inputs)


def test_a_penalty_takes_as_many_convolutions_whatever_the_number_of_groups():
    numbers = {}
    for groups in (2, 8):
        for conv in pair(groups):
            with Convolutions() as counter:
                penalised(conv, torch.randn(1, 8, 4, 4, dtype=torch.float64, requires_grad=True))
            numbers[type(conv), groups] = counter.number
    assert numbers[GroupedConv2d, 2] == numbers[GroupedConv2d, 8]
    assert numbers[nn.Conv2d, 2] < numbers[nn.Conv2d, 8]  # torch's loop, for which this layer is here


def test_the_gradient_of_the_input_alone_leaves_that_of_the_weight_out():
    conv, x = GroupedConv2d(8, 8, 3, groups=4), torch.randn(1, 8, 4, 4, requires_grad=True)
    with Convolutions() as counter:
        grad(conv(x).sum(), x)
    assert counter.number == 2  # the map, and the gradient


def test_under_autocast_the_double_backward_is_bf16_as_the_map():
    conv, x = GroupedConv2d(8, 8, 3, groups=4), torch.randn(1, 8, 4, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        maps = conv(x)
    assert maps.dtype == torch.bfloat16
    (slope,) = grad(maps.float().square().sum(), x, create_graph=True)
    slope.square().sum().backward()
    assert conv.weight.grad.dtype == torch.float32
    assert conv.weight.grad.isfinite().all()
