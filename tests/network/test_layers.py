from copy import deepcopy

import pytest
import torch
from torch import nn

from gan_lab.errors import InputError
from gan_lab.network import layers

AXES = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3)}


@pytest.mark.parametrize("name", layers.NORMS)
def test_norm_standardises_its_own_axes(name):
    x = 3 * torch.randn(4, 8, 5, 5, generator=torch.Generator().manual_seed(0)) + 2
    axes = AXES.get(name)
    expected = x
    if axes:
        var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        expected = (x - mean) / (var + 1e-5).sqrt()
    torch.testing.assert_close(layers.norm(name, 8)(x), expected)


@pytest.mark.parametrize("name", AXES)
def test_norm_has_a_gain_and_a_bias_per_channel(name):
    assert [w.shape for w in layers.norm(name, 8).parameters()] == [(8,), (8,)]


@pytest.mark.parametrize("name", layers.ACTIVATIONS)
def test_activation_leaves_its_input_as_it_was(name):
    x = torch.linspace(-3, 3, 7)
    before = x.clone()
    assert not torch.equal(layers.activation(name)(x), before)
    assert torch.equal(x, before)


def test_leaky_relu_has_the_slope_of_dcgan():
    assert layers.activation("leaky_relu")(torch.tensor(-1.0)) == pytest.approx(-0.2)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", layers.UPS)
def test_up_doubles_the_map(name, bias):
    layer = layers.up(name, 3, 5, bias)
    assert layer(torch.zeros(2, 3, 4, 4)).shape == (2, 5, 8, 8)
    assert any(key.endswith("bias") for key in layer.state_dict()) == bias


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", layers.DOWNS)
def test_down_halves_the_map(name, bias):
    layer = layers.down(name, 3, 5, bias)
    assert layer(torch.zeros(2, 3, 8, 8)).shape == (2, 5, 4, 4)
    assert any(key.endswith("bias") for key in layer.state_dict()) == bias


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: layers.norm("bach", 8), "norm=bach does not exist .*; did you mean 'batch'"),
        (lambda: layers.activation("rely"), "activation=rely does not exist .*; did you mean 'relu'"),
        (lambda: layers.up("transpose", 3, 5), "up=transpose does not exist .*; did you mean 'transposed'"),
        (lambda: layers.down("avarage", 3, 5), "down=avarage does not exist .*; did you mean 'average'"),
    ],
)
def test_misspelt_choice_names_the_nearest(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_dcgan_init_draws_the_published_distributions():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(64, 64, 4), nn.ConvTranspose2d(64, 64, 4), nn.BatchNorm2d(20_000)).apply(layers.dcgan_init)
    for module, mean in zip(net, (0, 0, 1), strict=True):
        assert module.weight.mean().item() == pytest.approx(mean, abs=1e-3)
        assert module.weight.std().item() == pytest.approx(0.02, rel=0.02)
        assert not module.bias.any()


@pytest.fixture
def spectral_net():
    torch.manual_seed(0)
    net = nn.Sequential(nn.ConvTranspose2d(4, 6, 4, 2, 1), nn.Conv2d(6, 3, 4, 2, 1), nn.Flatten(), nn.Linear(48, 7))
    layers.normalise_weights(net, "spectral")
    return net


X = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))


def vectors(net):
    return [buffer.clone() for buffer in net.buffers()]


def test_spectral_weights_have_largest_singular_value_one(spectral_net):
    for _ in range(50):
        spectral_net(X)
    spectral_net.eval()
    matrices = [spectral_net[0].weight.transpose(0, 1).flatten(1), spectral_net[1].weight.flatten(1), spectral_net[3].weight]
    for matrix in matrices:
        assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, abs=1e-3)


def test_spectral_estimate_moves_in_training_only(spectral_net):
    before = vectors(spectral_net)
    spectral_net.eval()(X)
    assert all(map(torch.equal, before, vectors(spectral_net)))
    spectral_net.train()(X)
    assert not any(map(torch.equal, before, vectors(spectral_net)))


def test_spectral_net_can_be_copied(spectral_net):
    copy = deepcopy(spectral_net).eval()
    assert torch.equal(copy(X), spectral_net.eval()(X))
    with torch.no_grad():
        copy[3].parametrizations.weight.original.add_(1)
    assert not torch.equal(copy(X), spectral_net(X))


@pytest.mark.parametrize("norm", sorted(layers.NORMS.keys() - {"spectral"}))
def test_other_norms_leave_the_weights_alone(norm):
    net = nn.Sequential(nn.Linear(3, 3))
    layers.normalise_weights(net, norm)
    assert set(net.state_dict()) == {"0.weight", "0.bias"}


def test_possible_sizes_are_those_of_a_search():
    pairs = {b * 2**k: (b, k) for b in range(4, 8) for k in range(1, 8)}
    for size in range(2, 512):
        try:
            assert layers.base_and_doublings(size, "dcgan") == pairs[size]
        except InputError:
            assert size not in pairs


@pytest.mark.parametrize(("size", "nearest"), [(30, "28 or 32"), (9, "8 or 10"), (4, "8"), (100, "96 or 112")])
def test_impossible_size_names_the_nearest(size, nearest):
    sizes = "sizes are 4, 5, 6 or 7 times 2, 4, 8, ..."
    sentence = f"data.image_size={size} cannot be made by network=dcgan ({sizes}): use {nearest}"
    with pytest.raises(InputError) as error:
        layers.base_and_doublings(size, "dcgan")
    assert str(error.value) == sentence


def test_points_are_refused_with_the_network_that_makes_them():
    with pytest.raises(InputError) as error:
        layers.base_and_doublings(1, "resnet")
    assert str(error.value) == "network=resnet makes images, and data of size 1 are points: use network=mlp"
