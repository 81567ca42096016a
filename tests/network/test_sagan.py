from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.nn.functional import batch_norm

from gan_lab.errors import InputError
from gan_lab.network import layers, resnet
from gan_lab.network.sagan import Discriminator, Generator, SpectralBatchNorm2d

CONFIG = Path(__file__).parents[2] / "conf/network/sagan.yaml"
SIZES = [8, 10, 12, 16, 28, 32, 48, 64, 128]


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def count(net):
    return sum(weight.numel() for weight in net.parameters())


def config(size, num_classes=None):
    data = {"channels": 3, "image_size": size, "num_classes": num_classes}
    return OmegaConf.merge(OmegaConf.load(CONFIG), {"data": data, "model": {"num_classes": num_classes}})


def attention_of(c):
    """Weights of the four 1x1 convolutions without bias, and gamma."""
    return 2 * c * (c // 8) + 2 * c * (c // 2) + 1


@pytest.fixture
def counted(monkeypatch):
    """Without the power iterations of spectral norm, which has no weights and takes seconds on the meta device."""
    monkeypatch.setattr(layers, "spectral_norm", lambda module: module)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(("size", "g_channels", "d_channels"), [(32, 256, 128), (64, 128, 64), (128, 256, 128)])
def test_config_makes_the_residual_pair_with_attention(size, g_channels, d_channels):
    with torch.device("meta"):
        g, d = instantiate(config(size).generator), instantiate(config(size).discriminator)
        assert count(g) == count(resnet.Generator(128, 3, size)) + attention_of(g_channels)
        assert count(d) == count(resnet.Discriminator(3, size)) + attention_of(d_channels)


@pytest.mark.usefixtures("counted")
def test_published_size_has_these_many_weights():
    with torch.device("meta"):
        cfg = config(128)
        assert (count(instantiate(cfg.generator)), count(instantiate(cfg.discriminator))) == (32_232_708, 29_038_338)


@pytest.mark.parametrize(("size", "channels"), [*((size, 3) for size in SIZES), (SIZES[0], 1)])
def test_pair_fits_every_size(size, channels):
    images = Generator(5, channels, size, width=2)(torch.zeros(2, 5))
    assert images.shape == (2, channels, size, size)
    d = Discriminator(channels, size, width=2)
    assert d(images).shape == (2,)
    assert d.features(images).shape == (2, d.num_features)


@pytest.mark.parametrize(
    ("size", "attention", "height"),
    [
        (128, 32, 32),
        (128, 64, 64),
        (64, 32, 32),
        (64, 16, 16),
        (32, 32, 16),
        (32, 8, 8),
        (48, 32, 24),
        (28, 32, 14),
        (8, 32, 4),
    ],
)
def test_attention_stands_at_its_height_or_at_half_the_image(size, attention, height):
    seen = []
    g, d = Generator(5, 1, size, width=1, attention=attention), Discriminator(1, size, width=1, attention=attention)
    for net in (g, d):
        (layer,) = (m for m in net.modules() if isinstance(m, layers.SelfAttention))
        layer.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[2:])))
    d(g(torch.zeros(2, 5)))
    assert seen == [(height, height)] * 2


def test_pair_is_resnet_s_as_long_as_gamma_is_zero():
    torch.manual_seed(0)
    g, d = Generator(5, 3, 16, width=8), Discriminator(3, 16, width=8)
    for net, x in ((g, normal(4, 5)), (d, normal(4, 3, 16, 16))):
        net.eval()
        ((name, layer),) = ((name, m) for name, m in net.named_modules() if isinstance(m, layers.SelfAttention))
        before = net(x)
        place = int(name.removeprefix("blocks."))
        nn.init.ones_(layer.gamma)
        assert not torch.allclose(net(x), before)
        del net.blocks[place]
        torch.testing.assert_close(net(x), before)


def test_spectral_norm_reaches_every_layer_of_both():
    for net in (Generator(5, 3, 16, width=8), Discriminator(3, 16, width=8)):
        assert all(hasattr(m, "parametrizations") for m in net.modules() if isinstance(m, layers.WEIGHTED))
        assert sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) == (5 if isinstance(net, Generator) else 0)


def test_labels_choose_the_gain_and_shift_of_every_block():
    g = instantiate(OmegaConf.merge(config(16, num_classes=3), {"generator": {"width": 8}}).generator)
    conditional = [m for m in g.modules() if isinstance(m, layers.ConditionalBatchNorm2d)]
    assert len(conditional) == 4
    assert all((m.gain.weight == 1).all() and not m.shift.weight.any() for m in conditional)
    z, y = normal(4, 128), torch.tensor([0, 1, 2, 0])
    g.eval()
    before = g(z, y)
    with torch.no_grad():
        conditional[-1].shift.weight[1] += 1
    changed = [not torch.equal(*pair) for pair in zip(before, g(z, y), strict=True)]
    assert changed == [False, True, False, False]


def test_spectral_tables_add_a_normalised_gain_to_one_and_a_normalised_shift_to_nothing():
    torch.manual_seed(0)
    cfg = OmegaConf.merge(config(16, num_classes=3), {"generator": {"width": 8, "spectral_tables": True, "init": "orthogonal"}})
    g, y = instantiate(cfg.generator), torch.tensor([0, 1, 2, 0])
    norms = [m for m in g.modules() if isinstance(m, layers.ConditionalBatchNorm2d)]
    assert [type(norm) for norm in norms] == [SpectralBatchNorm2d] * 4
    for norm in norms:
        x, raw = normal(4, 8, 2, 2), [t.parametrizations.weight.original for t in (norm.gain, norm.shift)]
        for table in raw:
            torch.testing.assert_close(table @ table.T, torch.eye(3), atol=1e-5, rtol=0)
            with torch.no_grad():
                table.mul_(torch.tensor([[3.0], [1.0], [0.5]]))  # singular values of an orthogonal table's scaled rows
        for _ in range(30):
            norm(x, y)
        gain, shift = (table / 3 for table in raw)
        expected = batch_norm(x, None, None, training=True) * (1 + gain[y])[..., None, None] + shift[y][..., None, None]
        torch.testing.assert_close(norm(x, y), expected, atol=1e-4, rtol=1e-4)


def test_spectral_tables_of_no_labels_change_nothing():
    g = instantiate(OmegaConf.merge(config(16), {"generator": {"width": 8, "spectral_tables": True}}).generator)
    assert not any(isinstance(m, layers.ConditionalBatchNorm2d) for m in g.modules())


def test_images_are_bounded():
    g = Generator(5, 3, 8, width=8)
    with torch.no_grad():
        g.norm.weight.mul_(1e6)
    assert g(normal(4, 5)).abs().max() == 1


def test_scores_are_the_head_of_the_features_and_no_image_s_depends_on_another():
    d, x = Discriminator(1, 16, width=8).eval(), normal(3, 1, 16, 16).requires_grad_()
    nn.init.ones_(d.blocks[1].gamma)
    assert torch.equal(d(x), d.head(d.features(x)))
    (gradient,) = torch.autograd.grad(d(x)[0], x)
    assert gradient[0].any()
    assert not gradient[1:].any()


def test_gradient_penalty_reaches_every_weight():
    torch.manual_seed(0)
    d, x = Discriminator(1, 16, width=8), normal(3, 1, 16, 16).requires_grad_()
    nn.init.ones_(d.blocks[1].gamma)
    (gradient,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(weight.grad.any() for weight in d.parameters() if weight.ndim != 1)


@pytest.mark.parametrize("norm", layers.NORMS)
def test_norm_and_dropout_of_the_discriminator_are_resnet_s(norm):
    d, parent = (kind(1, 16, width=8, norm=norm, dropout=[0.5]) for kind in (Discriminator, resnet.Discriminator))
    of_maps = type(layers.norm(norm, 8))
    assert sum(isinstance(m, of_maps) for m in d.modules()) == sum(isinstance(m, of_maps) for m in parent.modules())
    assert [m.p for m in d.modules() if isinstance(m, nn.Dropout)] == [0, 0, 0.5]
    weighted = [m for m in d.modules() if isinstance(m, layers.WEIGHTED)]
    assert all(hasattr(m, "parametrizations") == (norm == "spectral") for m in weighted)
    assert d(normal(2, 1, 16, 16)).isfinite().all()


def test_weights_start_as_published():
    torch.manual_seed(0)
    for net in (Generator(128, 3, 32, width=64), Discriminator(3, 32, width=64)):
        for name, module in net.named_modules():
            if isinstance(module, layers.WEIGHTED):
                weight = module.parametrizations.weight.original
                fans = sum(weight.shape[:2]) * weight[0, 0].numel()
                if weight.numel() > 1000:
                    assert weight.abs().max().item() == pytest.approx((6 / fans) ** 0.5, rel=0.05), name
                assert module.bias is None or not module.bias.any()


@pytest.mark.parametrize("net", [lambda size: Generator(5, 3, size), lambda size: Discriminator(3, size)])
def test_impossible_size_is_refused(net):
    with pytest.raises(InputError, match="use 8 or 10"):
        net(9)
