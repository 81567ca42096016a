import math
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate

from gan_lab.errors import InputError
from gan_lab.network import layers
from gan_lab.network.resnet import UPS, Discriminator, FirstBlock, Generator, ResidualBlock, UpBlock

CONFIG = Path(__file__).parents[2] / "conf/network/resnet.yaml"
SIZES = [8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 128]


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def count(net):
    return sum(weight.numel() for weight in net.parameters())


@pytest.mark.parametrize(
    ("size", "g_count", "d_count"),
    [(32, 4_276_739, 1_053_825), (64, 12_220_675, 10_141_441), (128, 32_150_787, 29_017_857)],
)
def test_config_makes_the_published_pairs(size, g_count, d_count):
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": 3, "image_size": size}})
    with torch.device("meta"):
        assert count(instantiate(cfg.generator)) == g_count
        assert count(instantiate(cfg.discriminator)) == d_count


@pytest.mark.parametrize(("size", "channels"), [*((size, 3) for size in SIZES), (SIZES[0], 1)])
def test_pair_fits_every_size(size, channels):
    with torch.device("meta"):
        images = Generator(5, channels, size, width=4)(torch.zeros(2, 5))
        assert images.shape == (2, channels, size, size)
        assert Discriminator(channels, size, width=4)(images).shape == (2,)


@pytest.mark.parametrize(
    ("size", "shape"),
    [(8, (2, 2, 2)), (10, (2, 5, 5)), (28, (2, 7, 7)), (32, (2, 8, 8)), (48, (32, 3, 3)), (64, (32, 2, 2)), (128, (32, 4, 4))],
)
def test_last_map_of_the_discriminator(size, shape):
    with torch.device("meta"):
        assert Discriminator(1, size, width=2).blocks(torch.zeros(1, 1, size, size)).shape == (1, *shape)


@pytest.mark.parametrize(("size", "shape"), [(8, (2, 4, 4)), (32, (2, 4, 4)), (48, (16, 6, 6)), (64, (32, 4, 4))])
def test_first_map_of_the_generator(size, shape):
    with torch.device("meta"):
        assert Generator(5, 1, size, width=2).input(torch.zeros(1, 5)).shape == (1, math.prod(shape))


def test_images_are_bounded():
    assert Generator(5, 3, 8, width=8, norm="none")(1e6 * normal(4, 5)).abs().max() == 1


def test_features_are_a_sum_over_positions():
    d, x = Discriminator(3, 8, width=8), normal(2, 3, 8, 8)
    torch.testing.assert_close(d.features(x), 4 * d.blocks(x).clamp(min=0).mean((2, 3)))


def test_scores_are_affine_in_the_features():
    d = Discriminator(1, 8, width=8)
    features = 100 * d.features(normal(4, 1, 8, 8))
    torch.testing.assert_close(d.head(2 * features) - d.head(0 * features), 2 * (d.head(features) - d.head(0 * features)))


def test_scores_are_the_head_of_the_features():
    d, x = Discriminator(1, 8, width=8), normal(4, 1, 8, 8)
    assert torch.equal(d(x), d.head(d.features(x)))


@pytest.mark.parametrize("norm", layers.NORMS)
def test_only_batch_norm_mixes_the_scores_of_a_batch(norm):
    d, x = Discriminator(1, 16, width=8, norm=norm), normal(3, 1, 16, 16).requires_grad_()
    (gradient,) = torch.autograd.grad(d(x)[0], x)
    assert gradient[0].any()
    assert gradient[1:].any() == (norm == "batch")


def test_critic_has_no_norm_unless_asked_and_none_in_its_first_block():
    assert not any(isinstance(m, nn.BatchNorm2d | nn.GroupNorm) for m in Discriminator(3, 32, width=4).modules())
    d = Discriminator(3, 32, width=4, norm="layer")
    assert sum(isinstance(m, nn.GroupNorm) for m in d.modules()) == 6
    assert not any(isinstance(m, nn.GroupNorm) for m in d.blocks[0].modules())


def test_batch_norm_has_the_default_eps():
    norms = [m for m in Generator(5, 3, 32, width=4).modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 7
    assert {m.eps for m in norms} == {1e-5}


@pytest.mark.parametrize("norm", layers.NORMS)
def test_every_norm_makes_images(norm):
    g = Generator(5, 3, 16, width=8, norm=norm)
    weighted = [m for m in g.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert all(hasattr(m, "parametrizations") == (norm == "spectral") for m in weighted)
    assert g(normal(4, 5)).isfinite().all()


def test_gradient_penalty_reaches_every_weight():
    d, x = Discriminator(1, 16, width=8, norm="layer"), normal(3, 1, 16, 16).requires_grad_()
    (gradient,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(weight.grad.any() for name, weight in d.named_parameters() if name.endswith("weight"))


def test_up_block_follows_the_published_order():
    block, x = UpBlock(3, 5, "none"), normal(2, 3, 4, 4)
    before = x.clone()
    h = block.conv1(interpolate(x.clamp(min=0), scale_factor=2))
    expected = block.conv2(h.clamp(min=0)) + block.shortcut(interpolate(x, scale_factor=2))
    torch.testing.assert_close(block(x), expected)
    assert torch.equal(x, before)


def doubled(x):
    """Twice the height and width: 3/4 of the nearest pixel and 1/4 of the next one, along each axis; ends repeat."""
    for axis in (2, 3):
        n = x.shape[axis]
        before, after = torch.arange(n).sub(1).clamp(min=0), torch.arange(n).add(1).clamp(max=n - 1)
        left, right = (0.75 * x + 0.25 * x.index_select(axis, other) for other in (before, after))
        x = torch.stack([left, right], axis + 1).flatten(axis, axis + 1)
    return x


def test_bilinear_up_block_interpolates_trunk_and_shortcut():
    block, x = UpBlock(3, 5, "none", up="bilinear").double(), normal(2, 3, 4, 5).double()
    nn.init.normal_(block.shortcut.bias)
    expected = block.conv2(block.conv1(doubled(x.clamp(min=0))).clamp(min=0)) + block.shortcut(doubled(x))
    torch.testing.assert_close(block(x), expected, atol=1e-12, rtol=1e-12)


def test_config_chooses_what_mimicry_has():
    chosen = {"generator": {"up": "bilinear", "init": "torch_bias", "width": 4},
              "discriminator": {"rectify_shortcut": True, "init": "torch_bias", "width": 4}}  # fmt: skip
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": 3, "image_size": 48}}, chosen)
    g, d = instantiate(cfg.generator), instantiate(cfg.discriminator)
    assert {block.up for block in g.blocks} == {UPS["bilinear"]}
    assert {block.rectify_shortcut for block in d.blocks[1:]} == {True}
    assert all(m.bias.any() for net in (g, d) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    with pytest.raises(InputError, match=r"up=bilinaer does not exist .*; did you mean 'bilinear'\?"):
        Generator(5, 3, 8, up="bilinaer")


@pytest.mark.parametrize("halve", [True, False])
@pytest.mark.parametrize("c_out", [3, 5])
def test_rectified_shortcut_is_that_of_an_in_place_relu(halve, c_out):
    block, x = ResidualBlock(3, c_out, "none", halve, rectify_shortcut=True), normal(2, 3, 4, 4)
    before, in_place = x.clone(), nn.ReLU(inplace=True)
    pool = (lambda h: avg_pool2d(h, 2)) if halve else (lambda h: h)
    shared = x.clone()  # as in mimicry: the branch runs first, and changes what the shortcut gets
    h = pool(block.conv2(in_place(block.conv1(in_place(shared)))))
    torch.testing.assert_close(block(x), h + pool(block.shortcut(shared)))
    assert torch.equal(x, before)


@pytest.mark.parametrize("halve", [True, False])
@pytest.mark.parametrize("c_out", [3, 5])
def test_block_follows_the_published_order(halve, c_out):
    block, x = ResidualBlock(3, c_out, "none", halve), normal(2, 3, 4, 4)
    pool = (lambda h: avg_pool2d(h, 2)) if halve else (lambda h: h)
    h = block.conv2(block.conv1(x.clamp(min=0)).clamp(min=0))
    torch.testing.assert_close(block(x), pool(h) + pool(block.shortcut(x)))
    assert isinstance(block.shortcut, nn.Conv2d) == (halve or c_out == 5)


def test_first_block_does_not_rectify_the_image():
    block, x = FirstBlock(3, 5), normal(2, 3, 4, 4)
    expected = avg_pool2d(block.conv2(block.conv1(x).clamp(min=0)) + block.shortcut(x), 2)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize(
    ("size", "dropout", "shares"),
    [
        (32, [0.2, 0.5, 0.5], [0.2, 0.5, 0.5]),  # the second, third and fourth block: CT-GAN
        (64, [0.2, 0.5, 0.5], [0, 0.2, 0.5, 0.5]),
        (32, [], [0, 0, 0]),
        (128, 0.3, [0.3] * 5),
        (32, 0, [0, 0, 0]),
    ],
)
def test_dropout_is_for_the_last_blocks_or_all_but_the_first(size, dropout, shares):
    choice = {"data": {"channels": 3, "image_size": size}, "discriminator": {"width": 4, "dropout": dropout}}
    d = instantiate(OmegaConf.merge(OmegaConf.load(CONFIG), choice).discriminator)
    assert [block.dropout.p for block in d.blocks[1:]] == shares
    assert not any(isinstance(m, nn.Dropout) for m in d.blocks[0].modules())
    assert d.state_dict().keys() == Discriminator(3, size, width=4).state_dict().keys()


def test_dropout_acts_in_training_only():
    d, x = Discriminator(1, 8, width=8, dropout=0.5), normal(4, 1, 8, 8)
    assert not torch.equal(d.features(x), d.features(x))
    d.eval()
    assert torch.equal(d(x), d(x))


def test_more_dropout_than_blocks_is_refused():
    with pytest.raises(InputError) as error:
        Discriminator(1, 8, width=8, dropout=[0.1] * 4)
    assert str(error.value) == (
        "network.discriminator.dropout=[0.1, 0.1, 0.1, 0.1] has more numbers than there are blocks after the first: "
        "give at most 3"
    )


def test_weights_start_as_published():
    torch.manual_seed(0)
    for net in (Generator(128, 3, 32, width=64), Discriminator(3, 32, width=64)):
        for name, module in net.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                gain = math.sqrt(2) if ".conv" in name else 1
                positions = module.weight[0, 0].numel()
                bound = gain * math.sqrt(6 / (sum(module.weight.shape[:2]) * positions))
                assert module.weight.abs().max().item() == pytest.approx(bound, rel=0.05), name
                assert not module.bias.any()


def test_with_the_authors_init_of_wgan_gp_only_the_output_s_gain_is_another():
    torch.manual_seed(0)
    g = Generator(128, 3, 32, width=64, init="wgan_gp")
    fans = 9 * (64 + 3)
    assert g.output.weight.abs().max().item() == pytest.approx(math.sqrt(12 / fans), rel=0.01)
    for module, variance in ((g.blocks[0].conv1, 4 / (9 * 128)), (g.blocks[0].shortcut, 2 / 128), (g.input, 2 / (128 + 1024))):
        assert module.weight.var().item() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("net", [lambda size: Generator(5, 3, size), lambda size: Discriminator(3, size)])
@pytest.mark.parametrize(
    ("size", "sentence"), [(9, "network=resnet .*: use 8 or 10"), (1, "network=resnet .*: use network=mlp")]
)
def test_impossible_size_is_refused(net, size, sentence):
    with pytest.raises(InputError, match=sentence):
        net(size)
