from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu

from gan_lab.errors import InputError
from gan_lab.network.r3gan import Discriminator, Double, Generator, Halve, R3Block

CONFIG = Path(__file__).parents[2] / "conf/network/r3gan.yaml"
SIZES = [8, 16, 28, 32, 48, 64, 128, 256]


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def count(net):
    return sum(weight.numel() for weight in net.parameters() if weight.requires_grad)


@pytest.fixture
def pair():
    """Tiny nets of three classes whose blocks are no longer the identity."""
    torch.manual_seed(0)
    nets = Generator(5, 1, 8, width=8, num_classes=3), Discriminator(1, 8, width=8, num_classes=3)
    for net in nets:
        for block in net.modules():
            if isinstance(block, R3Block):
                nn.init.normal_(block.reduce.weight, std=0.1)
    return nets


@pytest.mark.parametrize(
    ("size", "num_classes", "g_count", "d_count"),
    [(32, None, 20_732_160, 20_683_776), (32, 10, 20_781_952, 21_280_512), (64, None, 22_429_824, 22_381_440)],
)
def test_config_makes_the_published_pairs(size, num_classes, g_count, d_count):
    given = {"data": {"channels": 3, "image_size": size}, "model": {"num_classes": num_classes}}
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), given)
    with torch.device("meta"):
        assert count(instantiate(cfg.generator)) == g_count
        assert count(instantiate(cfg.discriminator)) == d_count


def test_config_of_a_model_without_labels_has_no_classes():
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": 3, "image_size": 8}, "model": {"d_steps": 1}})
    with torch.device("meta"):
        assert instantiate(cfg.generator).num_classes is instantiate(cfg.discriminator).num_classes is None


def test_widths_and_cardinalities_are_the_published_ones_of_ffhq_256():
    with torch.device("meta"):
        for net in (Generator(64, 3, 256), Discriminator(3, 256)):
            blocks = [m for m in net.modules() if isinstance(m, R3Block)]
            stages = [(block.expand.in_channels, block.grouped.groups) for block in blocks[::2]]
            assert stages == [(block.expand.in_channels, block.grouped.groups) for block in blocks[1::2]]
            ordered = stages if isinstance(net, Generator) else stages[::-1]
            assert ordered == [(768, 96)] * 4 + [(384, 48), (192, 24), (96, 12)]


def test_a_list_of_widths_makes_imagenet_64():
    width = {"width": [1536] * 5, "group_width": 32}
    cfg = OmegaConf.merge(
        OmegaConf.load(CONFIG), {"data": {"channels": 3, "image_size": 64}, "generator": width, "discriminator": width}
    )
    with torch.device("meta"):
        for net in (instantiate(cfg.generator), instantiate(cfg.discriminator)):
            blocks = [m for m in net.modules() if isinstance(m, R3Block)]
            assert [(block.expand.in_channels, block.grouped.groups) for block in blocks] == [(1536, 96)] * 10


@pytest.mark.parametrize(("size", "channels"), [*((size, 3) for size in SIZES), (SIZES[0], 1)])
def test_pair_fits_every_size(size, channels):
    with torch.device("meta"):
        images = Generator(5, channels, size, width=7)(torch.zeros(2, 5))
        assert images.shape == (2, channels, size, size)
        d = Discriminator(channels, size, width=7)
        assert d(images).shape == (2,)
        assert d.features(images).shape == (2, d.num_features)


def test_images_are_unbounded_in_training_and_clamped_in_evaluation():
    g, z = Generator(5, 3, 8, width=8), 10 * normal(4, 5)
    images = g(z)
    assert images.abs().max() > 1
    assert torch.equal(g.eval()(z), images.clamp(-1, 1))


def test_first_map_is_the_weighed_basis():
    g, z = Generator(5, 1, 8, width=8), normal(4, 5)
    seen = []
    g.layers[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    g(z)
    torch.testing.assert_close(seen[0], torch.einsum("chw,ck,nk->nchw", g.basis, g.input.weight, z))


def test_block_is_the_identity_at_first():
    x = normal(2, 8, 4, 4)
    assert torch.equal(R3Block(8, 16, n_blocks=4)(x), x)


def test_block_is_the_published_one():
    block, x = R3Block(16, 8, n_blocks=4), normal(2, 16, 4, 4)
    nn.init.normal_(block.reduce.weight)
    nn.init.normal_(block.expand.bias)
    h = leaky_relu(torch.einsum("oi,nihw->nohw", block.expand.weight[..., 0, 0], x) + block.expand.bias[:, None, None], 0.2)
    parts = [conv2d(part, weight, padding=1) for part, weight in zip(h.split(8, 1), block.grouped.weight.split(8), strict=True)]
    expected = x + torch.einsum("oi,nihw->nohw", block.reduce.weight[..., 0, 0], leaky_relu(torch.cat(parts, 1), 0.2))
    torch.testing.assert_close(block(x), expected)
    assert block.reduce.bias is None


@pytest.mark.parametrize(
    ("channels", "group_width", "groups"), [(8, 16, 1), (768, 16, 96), (12, 16, 3), (7, 16, 7), (1, 16, 1)]
)
def test_groups_always_divide_the_channels(channels, group_width, groups):
    assert R3Block(channels, group_width, n_blocks=1).grouped.groups == groups


def test_resampling_is_by_1_2_1():
    filter_ = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 1.0])).expand(3, 1, 3, 3) / 16
    small, large = normal(2, 3, 4, 4), normal(2, 3, 8, 8)
    torch.testing.assert_close(Double()(small), conv2d(interpolate(small, scale_factor=2), filter_, padding=1, groups=3))
    torch.testing.assert_close(Halve()(large), avg_pool2d(conv2d(large, filter_, padding=1, groups=3), 2))


def test_channels_change_on_the_smaller_map():
    g, d = Generator(5, 1, 8, width=[8, 4]), Discriminator(1, 8, width=[8, 4])
    assert [type(m) for m in g.layers] == [R3Block, R3Block, nn.Conv2d, Double, R3Block, R3Block]
    assert [type(m) for m in d.layers] == [R3Block, R3Block, Halve, nn.Conv2d, R3Block, R3Block]


def test_scores_are_the_head_of_the_features_and_no_image_s_depends_on_another(pair):
    (_, d), x, y = pair, normal(3, 1, 8, 8).requires_grad_(), torch.tensor([0, 1, 2])
    assert torch.equal(d(x, y), d.head(d.features(x), y))
    (gradient,) = torch.autograd.grad(d(x, y)[0], x)
    assert gradient[0].any()
    assert not gradient[1:].any()


def test_labels_stand_beside_the_latents_and_project_the_score(pair):
    (g, d), z, y = pair, normal(3, 5), torch.tensor([0, 1, 2])
    assert (g.latent_dim, g.num_classes, d.num_features) == (5, 3, 8)
    other = y.flip(0)
    assert [torch.equal(*images) for images in zip(g(z, y), g(z, other), strict=True)] == [False, True, False]
    features = normal(3, 8)
    expected = torch.einsum("nf,cf,nc->n", features, d.output.weight, d.embedding(other))
    torch.testing.assert_close(d.head(features, other), expected)


def test_scores_by_label_are_refused_without_labels(pair):
    with pytest.raises(InputError) as error:
        pair[1](normal(3, 1, 8, 8))
    assert str(error.value) == (
        "network.discriminator.num_classes=3 makes D conditional, but this model passes no labels: "
        "use network.discriminator.num_classes=null"
    )


def test_gradient_penalty_reaches_every_weight(pair):
    (_, d), x, y = pair, normal(3, 1, 8, 8).requires_grad_(), torch.tensor([0, 1, 2])
    (gradient,) = torch.autograd.grad(d(x, y).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(weight.grad.any() for weight in d.parameters() if weight.ndim > 1)


def test_weights_start_as_published():
    torch.manual_seed(0)
    g, d = Generator(64, 3, 32, width=128, num_classes=10), Discriminator(3, 32, width=128, num_classes=10)
    gain = (2 / 1.04) ** 0.5 / 8**0.25  # eight blocks
    expected = {"basis": 1, "input": 128**-0.5, "output": 128**-0.5, "embedding": 10**-0.5}
    for name, weight in g.named_parameters():
        if name.split(".")[0] in expected:
            assert weight.std().item() == pytest.approx(expected[name.split(".")[0]], rel=0.15), name
    expected = {"basis": 1 / 4, "input": 3**-0.5, "score": 128**-0.5, "embedding": 1280**-0.5}
    for name, weight in d.named_parameters():
        if name.split(".")[0] in expected:
            assert weight.std().item() == pytest.approx(expected[name.split(".")[0]], rel=0.15), name
    for block in (m for net in (g, d) for m in net.modules() if isinstance(m, R3Block)):
        assert block.expand.weight.std().item() == pytest.approx(gain * 128**-0.5, rel=0.05)
        assert block.grouped.weight.std().item() == pytest.approx(gain * (9 * 16) ** -0.5, rel=0.05)
        assert not any(weight.any() for weight in (block.expand.bias, block.grouped.bias, block.reduce.weight))


@pytest.mark.parametrize("net", [lambda **given: Generator(5, 3, **given), lambda **given: Discriminator(3, **given)])
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"image_size": 30}, "network=r3gan .*: use 28 or 32"),
        ({"image_size": 1}, "network=r3gan .*: use network=mlp"),
        ({"image_size": 32, "width": [8, 8]}, r"width=\[8, 8\] .* whose sizes are \[4, 8, 16, 32\]: use 4 numbers"),
    ],
)
def test_impossible_choice_is_refused(net, given, sentence):
    with pytest.raises(InputError, match=sentence):
        net(**given)
