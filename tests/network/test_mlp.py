from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from gan_lab.errors import InputError
from gan_lab.network import layers, mlp
from gan_lab.network.mlp import Discriminator, Generator

CONFIG = Path(__file__).parents[2] / "conf/network/mlp.yaml"


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def count(net):
    return sum(weight.numel() for weight in net.parameters())


def kinds(stack):
    return [type(m).__name__ for m in stack if not isinstance(m, nn.Identity)]


def widths(stack):
    return [m.out_features for m in stack if isinstance(m, nn.Linear)]


@pytest.fixture
def config():
    return lambda channels, size: OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": channels, "image_size": size}})


def test_config_makes_the_published_pair_for_images(config):
    cfg = config(1, 28)
    assert count(instantiate(cfg.generator)) == 1_510_032
    assert count(instantiate(cfg.discriminator)) == 533_505


def test_config_makes_two_layers_of_128_for_points(config):
    cfg = config(2, 1)
    g, d = instantiate(cfg.generator), instantiate(cfg.discriminator)
    assert kinds(g.hidden) == kinds(d.hidden) == ["Linear", "Tanh", "Linear", "Tanh"]
    assert widths(g.hidden) == widths(d.hidden) == [128, 128]


def test_published_layers_for_images():
    g, d = Generator(5, 1, 8), Discriminator(1, 8)
    assert kinds(g.hidden) == ["Linear", "LeakyReLU", *["Linear", "BatchNorm1d", "LeakyReLU"] * 3]
    assert kinds(d.hidden) == ["Linear", "LeakyReLU"] * 2
    assert {m.eps for m in g.modules() if isinstance(m, nn.BatchNorm1d)} == {1e-5}


@pytest.mark.parametrize(("width", "expected"), [(16, [16, 16]), ([8, 16, 32], [8, 16, 32])])
def test_width_is_a_list_or_one_number_for_all(config, width, expected):
    cfg = OmegaConf.merge(config(2, 1), {"generator": {"width": width}, "discriminator": {"width": width}})
    assert widths(instantiate(cfg.generator).hidden) == widths(instantiate(cfg.discriminator).hidden) == expected


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (3, 9), (3, 32), (2, 1)])
def test_pair_fits_every_size(channels, size):
    images = Generator(5, channels, size, width=16)(normal(4, 5))
    assert images.shape == (4, channels, size, size)
    assert Discriminator(channels, size, width=16)(images).shape == (4,)


def test_images_are_bounded_and_points_are_not():
    images, points = Generator(5, 1, 8, width=[16]), Generator(5, 2, 1, width=[16], activation="relu")
    assert images(1e6 * normal(4, 5)).abs().max() == 1
    assert points(1e6 * normal(4, 5)).abs().max() > 1


def test_scores_are_affine_in_the_features():
    d = Discriminator(1, 8, width=16)
    features = 100 * d.features(normal(4, 1, 8, 8))
    torch.testing.assert_close(d.head(2 * features) - d.head(0 * features), 2 * (d.head(features) - d.head(0 * features)))


def test_scores_are_the_head_of_the_features():
    d, x = Discriminator(1, 8, width=16), normal(4, 1, 8, 8)
    assert torch.equal(d(x), d.head(d.features(x)))


@pytest.mark.parametrize("norm", mlp.NORMS)
def test_only_batch_norm_mixes_the_scores_of_a_batch(norm):
    d, x = Discriminator(1, 8, width=16, norm=norm), normal(3, 1, 8, 8).requires_grad_()
    (gradient,) = torch.autograd.grad(d(x)[0], x)
    assert gradient[0].any()
    assert gradient[1:].any() == (norm == "batch")


def test_spectral_norm_reaches_every_layer():
    for net in (Generator(5, 1, 8, norm="spectral"), Discriminator(1, 8, norm="spectral")):
        assert all(hasattr(m, "parametrizations") for m in net.modules() if isinstance(m, nn.Linear))


def test_gradient_penalty_reaches_every_weight():
    d, x = Discriminator(1, 8, width=16, norm="layer"), normal(3, 1, 8, 8).requires_grad_()
    (gradient,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(weight.grad.any() for name, weight in d.named_parameters() if name.endswith("weight"))


def test_dropout_follows_every_hidden_layer_of_the_discriminator_and_acts_in_training_only(config):
    cfg = OmegaConf.merge(config(2, 1), {"discriminator": {"dropout": 0.5}})
    d, x = instantiate(cfg.discriminator), normal(4, 2, 1, 1)
    assert kinds(d.hidden) == ["Linear", "Tanh", "Dropout"] * 2
    assert not torch.equal(d(x), d(x))
    d.eval()
    assert torch.equal(d(x), d(x))


@pytest.mark.parametrize("activation", layers.ACTIVATIONS)
def test_every_hidden_activation_is_the_chosen_one(activation):
    kind = type(layers.activation(activation))
    g, d = Generator(5, 1, 8, width=8, activation=activation), Discriminator(1, 8, width=8, activation=activation)
    assert [sum(isinstance(m, kind) for m in net.hidden) for net in (g, d)] == [4, 2]


@pytest.mark.parametrize("width", [None, [16]])
def test_misspelt_norm_names_the_nearest(width):
    with pytest.raises(InputError, match=r"norm=lair does not exist .*; did you mean 'layer'"):
        Discriminator(1, 8, width=width, norm="lair")
