import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from gan_lab.errors import InputError
from gan_lab.network import equalized
from gan_lab.network.equalized import EqualizedConv2d, EqualizedLinear, MinibatchStd


def normal(*shape, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def test_a_linear_layer_scales_weight_and_bias():
    layer = EqualizedLinear(6, 4, bias=0.5, lr_factor=0.01, gain=2.0).double()
    x = normal(3, 6)
    expected = x @ (layer.weight * 0.01 * 2 / math.sqrt(6)).T + layer.bias * 0.01
    torch.testing.assert_close(layer(x), expected)
    torch.testing.assert_close(layer.bias * 0.01, torch.full((4,), 0.5, dtype=torch.float64))
    assert EqualizedLinear(500, 400, lr_factor=0.01).weight.std().item() == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_convolution_has_outputs_of_unit_variance(kernel):
    layer = EqualizedConv2d(64, 64, kernel)
    assert layer(normal(8, 64, 16, 16, dtype=torch.float32))[..., 2:-2, 2:-2].std().item() == pytest.approx(1, rel=0.1)
    plain = conv2d(x := normal(2, 64, 5, 5, dtype=torch.float32), layer.weight / math.sqrt(64 * kernel**2), padding=kernel // 2)
    torch.testing.assert_close(layer(x), plain)


def test_a_factor_of_the_learning_rate_is_one_of_the_step():
    """Under Adam both parameters move by the same amount, and the layer by ``lr_factor`` times as much."""
    slow, fast = EqualizedLinear(3, 2, lr_factor=0.01), EqualizedLinear(3, 2)
    x = normal(4, 3, dtype=torch.float32)
    moved = []
    for layer in (slow, fast):
        before = layer(x).detach()
        optimizer = torch.optim.Adam(layer.parameters(), 1e-3)
        layer(x).sum().backward()
        optimizer.step()
        moved.append((layer(x).detach() - before).abs().mean().item())
    assert moved[0] == pytest.approx(0.01 * moved[1], rel=0.05)


def numpy_upfirdn(image, up, down, before, after, gain):
    """Zeros between the pixels, padding, the filter, every ``down``-th pixel: one channel, as a loop."""
    row = np.array([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = np.outer(row, row) * gain
    h, w = image.shape
    spread = np.zeros((h * up, w * up))
    spread[::up, ::up] = image
    spread = np.pad(spread, (before, after))
    out = np.array([[(spread[i : i + 4, j : j + 4] * kernel).sum() for j in range(spread.shape[1] - 3)]
                    for i in range(spread.shape[0] - 3)])  # fmt: skip
    return out[::down, ::down]


def test_resampling_is_that_of_a_loop():
    x = normal(2, 3, 6, 6)
    for n in range(2):
        for c in range(3):
            image = x[n, c].numpy()
            np.testing.assert_allclose(equalized.doubled(x)[n, c].numpy(), numpy_upfirdn(image, 2, 1, 2, 1, 4.0), atol=1e-12)
            np.testing.assert_allclose(equalized.halved(x)[n, c].numpy(), numpy_upfirdn(image, 1, 2, 1, 1, 1.0), atol=1e-12)


def test_a_constant_stays_one_inside():
    x = torch.ones(1, 2, 8, 8)
    torch.testing.assert_close(equalized.doubled(x)[..., 2:-2, 2:-2], torch.ones(1, 2, 12, 12))
    torch.testing.assert_close(equalized.halved(x)[..., 1:-1, 1:-1], torch.ones(1, 2, 2, 2))


def test_a_convolution_that_doubles_filters_what_it_has_spread():
    x, weight = normal(1, 1, 5, 5), normal(1, 1, 3, 3)
    spread = torch.zeros(1, 1, 11, 11, dtype=torch.float64)
    spread[..., 1::2, 1::2][..., :5, :5] = x
    padded = torch.nn.functional.pad(spread[..., 1:10, 1:10], [2] * 4)  # 9x9 with the pixels at even places
    convolved = conv2d(padded, weight.flip(2, 3))
    torch.testing.assert_close(equalized.doubled_conv2d(x, weight)[0, 0], equalized.filtered(convolved, 1, gain=4.0)[0, 0])


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_convolution_that_halves_filters_first(kernel):
    layer, x = EqualizedConv2d(2, 3, kernel, halve=True).double(), normal(1, 2, 8, 8)
    weight = layer.weight * layer.scale
    expected = conv2d(equalized.halved(x), weight) if kernel == 1 else conv2d(equalized.filtered(x, 2), weight, stride=2)
    assert expected.shape[-1] == 4
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("function", [equalized.doubled, equalized.halved])
def test_resampling_is_differentiable_twice(function):
    assert torch.autograd.gradgradcheck(lambda x: function(x).square(), (normal(1, 1, 4, 4).requires_grad_(),))


@pytest.mark.parametrize(("n", "group", "maps"), [(8, 4, 1), (4, 4, 2), (6, 2, 1), (3, 4, 1)])
def test_minibatch_statistics_are_those_of_a_loop(n, group, maps):
    x = normal(n, 4, 3, 3)
    made = MinibatchStd(group, maps)(x)
    assert torch.equal(made[:, :4], x)
    groups = n // min(group, n)
    for i in range(n):
        members = x[[j for j in range(n) if j % groups == i % groups]].numpy()
        deviation = np.sqrt(members.var(0) + 1e-8)
        for m in range(maps):
            mean = deviation[m * 4 // maps : (m + 1) * 4 // maps].mean()
            np.testing.assert_allclose(made[i, 4 + m].numpy(), np.full((3, 3), mean), rtol=1e-5)


def test_a_batch_that_no_group_divides_is_refused():
    with pytest.raises(InputError, match=r"groups of 4 divide, and D sees 6 images: choose another data\.batch_size"):
        MinibatchStd(4)(normal(6, 2, 4, 4))
    assert torch.equal(MinibatchStd(4).eval()(x := normal(6, 2, 4, 4)), MinibatchStd(3)(x))


def test_an_activation_keeps_the_second_moment():
    x = normal(100_000, 1)
    assert equalized.activated(x).square().mean().item() == pytest.approx(1.04, abs=0.02)
    torch.testing.assert_close(equalized.normalised(normal(5, 7)).square().mean(1), torch.ones(5, dtype=torch.float64))
    assert isinstance(EqualizedLinear(2, 2).weight, nn.Parameter)


def test_maps_of_16_bits_are_clamped_and_others_are_not():
    x = torch.tensor([-3000.0, -1.0, 1.0, 1000.0])
    torch.testing.assert_close(equalized.activated(x, 1.0), torch.tensor([-600, -0.2, 1, 1000]))
    assert equalized.activated(x.bfloat16(), 1.0).tolist() == [-256, pytest.approx(-0.2, rel=0.01), 1, 256]
