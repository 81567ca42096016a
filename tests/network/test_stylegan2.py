from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.nn.functional import conv2d

from gan_lab.errors import InputError
from gan_lab.network.equalized import doubled_conv2d
from gan_lab.network.stylegan2 import Discriminator, Generator, StyledConv2d, ToImage, modulated

CONFIG = Path(__file__).parents[2] / "conf/network/stylegan2.yaml"


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def count(net):
    return sum(weight.numel() for weight in net.parameters())


@pytest.mark.parametrize(
    ("size", "channel_base", "g_weights", "d_weights"),
    [
        (64, 32768, 27_032_600, 26_488_833),
        (256, 16384, 24_767_458, 24_001_089),
        (256, 32768, 30_034_338, 28_864_129),
        (1024, 32768, 30_370_060, 29_012_513),
    ],
)
def test_config_makes_the_published_networks(size, channel_base, g_weights, d_weights):
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": 3, "image_size": size}})
    with torch.device("meta"):
        g, d = (instantiate(cfg[player], channel_base=channel_base) for player in ("generator", "discriminator"))
    assert (count(g), count(d)) == (g_weights, d_weights)


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("size", [8, 16, 32, 128])
def test_pair_fits_every_size(size, num_classes):
    g = Generator(5, 2, size, width=8, style_dim=6, mapping_layers=2, num_classes=num_classes)
    d = Discriminator(2, size, width=8, num_classes=num_classes)
    y = None if num_classes is None else torch.tensor([0, 2])
    images = g(normal(2, 5), y)
    assert images.shape == (2, 2, size, size)
    assert d(images, y).shape == (2,)
    assert d.features(images, y).shape == (2, d.num_features)
    assert g.eval()(100 * normal(2, 5), y).abs().max() <= 1


@pytest.mark.parametrize("size", [4, 12, 28, 48])
def test_other_sizes_are_refused(size):
    for net in (Generator, Discriminator):
        with pytest.raises(InputError, match="sizes are powers of two from 8 on"):
            net(*([5] if net is Generator else []), 3, size, width=4)


@pytest.mark.parametrize("double", [False, True])
def test_modulation_scales_the_weights_of_each_image_and_demodulation_divides_by_their_norm(double):
    x, weight, styles = normal(3, 4, 5, 5).double(), normal(6, 4, 3, 3).double(), normal(3, 4).double()
    made = modulated(x, weight, styles, double)
    for image, style, result in zip(x, styles, made, strict=True):
        own = weight * style[None, :, None, None]  # eq. 1
        own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()  # eq. 3
        expected = doubled_conv2d(image[None], own) if double else conv2d(image[None], own, padding=1)
        torch.testing.assert_close(result, expected[0], rtol=1e-5, atol=1e-5)


def test_demodulated_outputs_have_unit_variance_whatever_the_styles():
    out = modulated(normal(16, 64, 16, 16), normal(64, 64, 3, 3), 3 * normal(16, 64).abs() + 0.1)
    assert out[..., 1:-1, 1:-1].std().item() == pytest.approx(1, rel=0.05)


def test_noise_is_drawn_in_training_and_constant_in_evaluation():
    layer, x, w = StyledConv2d(4, 4, 3, 8), normal(2, 4, 8, 8), normal(2, 3)
    assert torch.equal(layer(x, w), layer(x, w))  # its strength begins at 0
    nn.init.ones_(layer.noise_strength)
    assert not torch.equal(layer(x, w), layer(x, w))
    layer.eval()
    assert torch.equal(layer(x, w), layer(x, w))


def test_each_convolution_has_a_style_of_its_own():
    g = Generator(5, 1, 16, width=8, style_dim=6, mapping_layers=2).eval()
    w = g.mapping(normal(2, 5)).unsqueeze(1).repeat(1, g.synthesis.num_styles, 1)
    assert g.synthesis.num_styles == 6
    plain = g.synthesis(w)
    for number in range(6):
        other = w.clone()
        other[:, number] += 1
        assert not torch.equal(g.synthesis(other), plain)


def test_images_are_the_sum_of_all_resolutions():
    g = Generator(5, 1, 16, width=8, style_dim=6, mapping_layers=1)
    for to_image in (module for module in g.modules() if isinstance(module, ToImage)):
        nn.init.zeros_(to_image.weight)
        nn.init.ones_(to_image.bias)
    assert g(normal(1, 5))[..., 6:10, 6:10].mean().item() == pytest.approx(3, rel=1e-3)


def test_a_conditional_pair_needs_labels():
    with pytest.raises(InputError, match="but this model passes no labels"):
        Generator(5, 1, 8, width=4, num_classes=3)(normal(2, 5))


def test_under_autocast_maps_of_the_highest_resolutions_have_16_bits_and_all_else_32():
    g, d = Generator(5, 1, 32, width=8, style_dim=6, half_stages=2), Discriminator(1, 32, width=8, half_stages=2)
    seen = {}
    for name, module in [*g.named_modules(), *d.named_modules()]:
        module.register_forward_hook(lambda module, inputs, out, name=name: seen.update({name: out}))
    with torch.autocast("cpu", torch.bfloat16):
        images = g(normal(4, 5))
        logits = d(images)
    stages = [
        seen["synthesis.conv"],
        *(seen[f"synthesis.blocks.{k}"][0] for k in range(3)),
        *(seen[f"blocks.{k}"] for k in range(3)),
    ]
    full, half = torch.float32, torch.bfloat16
    assert [maps.dtype for maps in stages] == [full, full, half, half, half, half, full]
    assert [out.dtype for out in (seen["mapping"], images, seen["statistics"], seen["hidden"], logits)] == [full] * 5
    with torch.no_grad():
        torch.testing.assert_close(d(images), logits, rtol=0.05, atol=0.05)
