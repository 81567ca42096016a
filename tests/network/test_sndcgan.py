from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn

from gan_lab.errors import InputError
from gan_lab.network import layers
from gan_lab.network.sndcgan import Discriminator, Generator

CONFIG = Path(__file__).parents[2] / "conf/network/sndcgan.yaml"
SIZES = [8, 10, 12, 14, 16, 20, 28, 32, 48, 64, 128]


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def count(net):
    return sum(weight.numel() for weight in net.parameters())


def convolution(c_in, c_out, kernel):
    return c_in * c_out * kernel**2 + c_out


@pytest.fixture
def counted(monkeypatch):
    """Without the power iterations of spectral norm, which has no weights and takes seconds on the meta device."""
    monkeypatch.setattr(layers, "spectral_norm", lambda module: module)


@pytest.mark.usefixtures("counted")
def test_config_makes_the_pair_of_table_3():
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": 3, "image_size": 32}})
    dense, batch_norms = 128 * 4 * 4 * 512 + 4 * 4 * 512, 2 * (512 + 256 + 128 + 64)
    doubling = convolution(512, 256, 4) + convolution(256, 128, 4) + convolution(128, 64, 4)
    halving = convolution(64, 64, 4) + convolution(128, 128, 4) + convolution(256, 256, 4)
    widening = convolution(3, 64, 3) + convolution(64, 128, 3) + convolution(128, 256, 3) + convolution(256, 512, 3)
    with torch.device("meta"):
        assert count(instantiate(cfg.generator)) == dense + batch_norms + doubling + convolution(64, 3, 3) == 3_813_379
        assert count(instantiate(cfg.discriminator)) == halving + widening + 4 * 4 * 512 + 1 == 2_935_873


def test_layers_follow_table_3():
    g, d = Generator(128, 3, 48, width=2), Discriminator(3, 48, width=2, norm="none")
    convolutions = [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0]) for m in d.layers if isinstance(m, nn.Conv2d)
    ]
    assert convolutions == [(3, 2, 3, 1), (2, 2, 4, 2), (2, 4, 3, 1), (4, 4, 4, 2), (4, 8, 3, 1), (8, 8, 4, 2), (8, 16, 3, 1)]
    assert g.layers[:2](normal(1, 128)).shape == (1, 16, 6, 6)
    assert [m.out_channels for m in g.layers if isinstance(m, nn.ConvTranspose2d)] == [8, 4, 2]
    assert {m.negative_slope for m in d.layers if isinstance(m, nn.LeakyReLU)} == {0.1}


def test_d_of_published_code_widens_as_it_halves_and_has_the_slope_asked_for():
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": 3, "image_size": 32}})
    d = instantiate(cfg.discriminator, norm="none", widen="down", slope=0.2)
    convolutions = [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0]) for m in d.layers if isinstance(m, nn.Conv2d)
    ]
    assert convolutions == [  # w86763777's source/models/wgangp.py and chainer-gan-lib's WGANDiscriminator
        (3, 64, 3, 1), (64, 128, 4, 2), (128, 128, 3, 1), (128, 256, 4, 2), (256, 256, 3, 1), (256, 512, 4, 2), (512, 512, 3, 1)
    ]  # fmt: skip
    assert {m.negative_slope for m in d.layers if isinstance(m, nn.LeakyReLU)} == {0.2}
    with pytest.raises(InputError, match=r"widen=donw does not exist .*; did you mean 'down'\?"):
        Discriminator(1, 8, widen="donw")


@pytest.mark.parametrize(("size", "channels"), [*((size, 3) for size in SIZES), (SIZES[0], 1)])
def test_pair_fits_every_size(size, channels):
    with torch.device("meta"):
        images = Generator(5, channels, size, width=4)(torch.zeros(2, 5))
        assert images.shape == (2, channels, size, size)
        d = Discriminator(channels, size, width=4, norm="none")
        assert d(images).shape == (2,)
        assert d.features(images).shape == (2, d.num_features)


def test_channels_stop_at_eight_times_the_width():
    with torch.device("meta"):
        assert Discriminator(3, 128, width=4, norm="none").layers(torch.zeros(1, 3, 128, 128)).shape == (1, 32, 4, 4)


def test_images_are_bounded():
    assert Generator(5, 3, 8, width=8, norm="none")(1e6 * normal(4, 5)).abs().max() == 1


def test_scores_are_the_head_of_the_features_and_affine_in_them():
    d, x = Discriminator(1, 8, width=8, norm="none"), normal(4, 1, 8, 8)
    features = d.features(x)
    assert torch.equal(d(x), d.head(features))
    torch.testing.assert_close(d.head(2 * features) - d.head(0 * features), 2 * (d.head(features) - d.head(0 * features)))


@pytest.mark.parametrize("norm", layers.NORMS)
def test_only_batch_norm_mixes_the_scores_of_a_batch(norm):
    d, x = Discriminator(1, 8, width=8, norm=norm), normal(3, 1, 8, 8).requires_grad_()
    (gradient,) = torch.autograd.grad(d(x)[0], x)
    assert gradient[0].any()
    assert gradient[1:].any() == (norm == "batch")


def test_norm_follows_every_convolution_of_the_discriminator_but_the_first():
    d = Discriminator(3, 32, width=4, norm="layer")
    pairs = [type(d.layers[i + 1]) for i, m in enumerate(d.layers) if isinstance(m, nn.Conv2d)]
    assert pairs == [nn.Identity, *[nn.GroupNorm] * 6]


def test_spectral_norm_is_the_default_and_reaches_every_layer_of_the_discriminator_alone():
    g, d = Generator(5, 3, 32, width=4), Discriminator(3, 32, width=4)
    assert all(hasattr(m, "parametrizations") for m in d.modules() if isinstance(m, layers.WEIGHTED))
    assert not any(hasattr(m, "parametrizations") for m in g.modules())


@pytest.mark.parametrize("norm", ["none", "layer", "spectral", "virtual_batch"])
def test_gradient_penalty_reaches_every_weight(norm):
    d, x = Discriminator(1, 8, width=8, norm=norm), normal(3, 1, 8, 8).requires_grad_()
    (gradient,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(weight.grad.any() for weight in d.parameters() if weight.ndim > 1)


def test_dropout_follows_every_hidden_map_and_acts_in_training_only():
    d, x = Discriminator(1, 8, width=8, dropout=0.5), normal(4, 1, 8, 8)
    assert [m.p for m in d.modules() if isinstance(m, nn.Dropout)] == [0.5] * 3
    assert not torch.equal(d.features(x), d.features(x))
    d.eval()
    assert torch.equal(d(x), d(x))


def test_weights_start_normal_and_batch_norm_at_one():
    torch.manual_seed(0)
    for net in (Generator(100, 3, 32, width=32), Discriminator(3, 32, width=32)):
        for name, weight in net.named_parameters():
            if weight.ndim > 1 and weight.numel() > 5000:
                assert weight.std().item() == pytest.approx(0.02, rel=0.05), name
            elif weight.ndim == 1:
                assert (weight == (0 if name.endswith("bias") else 1)).all()


@pytest.mark.parametrize("net", [lambda size: Generator(5, 3, size), lambda size: Discriminator(3, size)])
@pytest.mark.parametrize(
    ("size", "sentence"), [(30, "network=sndcgan .*: use 28 or 32"), (1, "network=sndcgan .*: use network=mlp")]
)
def test_impossible_size_is_refused(net, size, sentence):
    with pytest.raises(InputError, match=sentence):
        net(size)
