from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d

from gan_lab.errors import InputError
from gan_lab.network import layers
from gan_lab.network.dcgan import Discriminator, Generator

CONFIG = Path(__file__).parents[2] / "conf/network/dcgan.yaml"
SIZES = [8, 10, 12, 14, 16, 20, 28, 32, 48, 64, 128]


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def count(net):
    return sum(weight.numel() for weight in net.parameters())


def test_config_makes_the_published_pair():
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": 3, "image_size": 64}})
    with torch.device("meta"):
        assert count(instantiate(cfg.generator)) == 3_576_704
        assert count(instantiate(cfg.discriminator)) == 2_765_568


@pytest.mark.parametrize(("size", "channels"), [*((size, 3) for size in SIZES), (SIZES[0], 1)])
def test_pair_fits_every_size(size, channels):
    with torch.device("meta"):
        images = Generator(5, channels, size, width=4)(torch.zeros(2, 5))
        assert images.shape == (2, channels, size, size)
        assert Discriminator(channels, size, width=4)(images).shape == (2,)


def test_widths_double_towards_the_latents():
    with torch.device("meta"):
        g, d = Generator(5, 3, 48, width=4), Discriminator(3, 48, width=4)
        assert g.layers[:2](torch.zeros(2, 5)).shape == (2, 16, 6, 6)
        assert d.layers(torch.zeros(2, 3, 48, 48)).shape == (2, 16, 6, 6)


def test_ends_equal_the_published_convolutions():
    g, d, z, h = Generator(5, 3, 16, width=4), Discriminator(3, 16, width=4), normal(2, 5), normal(2, 8, 4, 4)
    kernel = g.layers[0].weight.T.view(5, 8, 4, 4)
    torch.testing.assert_close(g.layers[:2](z), conv_transpose2d(z[:, :, None, None], kernel))
    torch.testing.assert_close(d.head(h.flatten(1)), conv2d(h, d.output.weight.view(1, 8, 4, 4)).flatten())


def test_images_are_bounded():
    images = Generator(5, 3, 16, width=8, norm="none")(1e6 * normal(4, 5))
    assert images.abs().max() == 1


def test_scores_are_affine_in_the_features():
    d = Discriminator(1, 16, width=8, norm="none")
    features = 100 * d.features(normal(4, 1, 16, 16))
    torch.testing.assert_close(d.head(2 * features) - d.head(0 * features), 2 * (d.head(features) - d.head(0 * features)))


def test_scores_are_the_head_of_the_features():
    d, x = Discriminator(1, 16, width=8), normal(4, 1, 16, 16)
    assert torch.equal(d(x), d.head(d.features(x)))


def test_first_and_last_layers_have_no_norm():
    g, d = Generator(5, 3, 32, width=4), Discriminator(3, 32, width=4)
    assert [m.num_features for m in g.modules() if isinstance(m, nn.BatchNorm2d)] == [16, 8, 4]
    assert [m.num_features for m in d.modules() if isinstance(m, nn.BatchNorm2d)] == [8, 16]
    assert {m.eps for net in (g, d) for m in net.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-5}


@pytest.mark.parametrize("norm", layers.NORMS)
def test_only_batch_norm_mixes_the_scores_of_a_batch(norm):
    d, x = Discriminator(1, 16, width=8, norm=norm), normal(3, 1, 16, 16).requires_grad_()
    (gradient,) = torch.autograd.grad(d(x)[0], x)
    assert gradient[0].any()
    assert gradient[1:].any() == (norm == "batch")


@pytest.mark.parametrize("norm", layers.NORMS)
def test_layers_have_a_bias_where_the_norm_has_none(norm):
    for net in (Generator(5, 1, 16, width=8, norm=norm), Discriminator(1, 16, width=8, norm=norm)):
        weighted = [m for m in net.modules() if isinstance(m, layers.WEIGHTED)]
        assert all((m.bias is not None) == (norm in ("none", "spectral")) for m in weighted)


def test_spectral_norm_reaches_every_layer():
    for net in (Generator(5, 1, 16, width=8, norm="spectral"), Discriminator(1, 16, width=8, norm="spectral")):
        assert all(hasattr(m, "parametrizations") for m in net.modules() if isinstance(m, layers.WEIGHTED))


def test_gradient_penalty_reaches_every_weight():
    d, x = Discriminator(1, 16, width=8, norm="layer"), normal(3, 1, 16, 16).requires_grad_()
    (gradient,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(weight.grad.any() for name, weight in d.named_parameters() if name.endswith("weight"))


@pytest.mark.parametrize("up", layers.UPS)
def test_every_up_choice_makes_images(up):
    assert Generator(5, 3, 28, width=4, up=up)(normal(2, 5)).shape == (2, 3, 28, 28)


@pytest.mark.parametrize("down", layers.DOWNS)
def test_every_down_choice_makes_scores(down):
    d = Discriminator(3, 28, width=4, down=down)
    assert d(normal(2, 3, 28, 28)).shape == (2,)


@pytest.mark.parametrize("activation", layers.ACTIVATIONS)
def test_every_hidden_activation_is_the_chosen_one(activation):
    kind = type(layers.activation(activation))
    g, d = Generator(5, 1, 16, width=4, activation=activation), Discriminator(1, 16, width=4, activation=activation)
    assert sum(isinstance(m, kind) for m in g.layers[:-1]) == 2
    assert sum(isinstance(m, kind) for m in d.layers) == 2


def test_dropout_acts_in_training_only():
    for net, x in (
        (Generator(5, 1, 16, 8, dropout=0.5), normal(4, 5)),
        (Discriminator(1, 16, 8, dropout=0.5), normal(4, 1, 16, 16)),
    ):
        assert not torch.equal(net(x), net(x))
        net.eval()
        assert torch.equal(net(x), net(x))


def test_weights_start_as_published():
    torch.manual_seed(0)
    for net in (Generator(100, 3, 32, up="nearest"), Discriminator(3, 32, norm="spectral")):
        for name, weight in net.named_parameters():
            if weight.ndim > 1 and weight.numel() > 5000:
                assert weight.std().item() == pytest.approx(0.02, rel=0.05), name


def test_weights_start_as_in_the_authors_mnist_script_of_wgan_gp():
    torch.manual_seed(0)
    g, d = Generator(128, 1, 32, norm="none", init="wgan_gp"), Discriminator(1, 32, norm="none", init="wgan_gp")
    project, up = g.layers[0], g.layers[5]
    for weight, variance in (
        (project.weight, 2 / (128 + 4096)),  # Glorot
        (up.weight, 4 / (16 * 256 / 4 + 16 * 128)),  # He and Glorot
        (d.layers[4].weight, 4 / (16 * 64 + 16 * 128 / 4)),
        (d.output.weight, 2 / (4096 + 1)),
    ):
        assert weight.var().item() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("net", [lambda size: Generator(5, 3, size), lambda size: Discriminator(3, size)])
@pytest.mark.parametrize(
    ("size", "sentence"), [(30, "network=dcgan .*: use 28 or 32"), (1, "network=dcgan .*: use network=mlp")]
)
def test_impossible_size_is_refused(net, size, sentence):
    with pytest.raises(InputError, match=sentence):
        net(size)
