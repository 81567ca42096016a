from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.nn.functional import leaky_relu

from gan_lab.growth import Level
from gan_lab.network.stylegan import AdaINLayer, Generator

CONFIG = Path(__file__).parents[2] / "conf/network/stylegan.yaml"


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_config_makes_the_published_networks():
    """26.2 M weights (Karras 2019, section 2), and the discriminator of PGGAN."""
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": 3, "image_size": 1024}})
    with torch.device("meta"):
        counts = [sum(weight.numel() for weight in instantiate(cfg[player]).parameters()) for player in cfg if player != "data"]
    assert counts == [26_219_627, 23_087_249]


def test_a_style_sets_mean_and_deviation_of_every_map():
    layer, x, w = AdaINLayer(3, 5, 8), normal(2, 3, 8, 8), normal(2, 5)
    nn.init.normal_(layer.bias)
    scale, shift = layer.style(w).chunk(2, 1)
    out = layer(x, w)
    torch.testing.assert_close(out.mean((2, 3)), shift, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(out.std((2, 3), correction=0), (1 + scale).abs(), rtol=1e-4, atol=1e-5)
    h = leaky_relu(x + layer.bias[:, None, None], 0.2)
    h = (h - h.mean((2, 3), keepdim=True)) / h.std((2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(out, h * (1 + scale)[..., None, None] + shift[..., None, None], rtol=1e-4, atol=1e-4)


def test_noise_is_drawn_in_training_and_constant_in_evaluation():
    layer, x, w = AdaINLayer(4, 3, 8), normal(2, 4, 8, 8), normal(2, 3)
    assert torch.equal(layer(x, w), layer(x, w))  # its strength begins at 0
    nn.init.ones_(layer.noise_strength)
    assert not torch.equal(layer(x, w), layer(x, w))
    layer.eval()
    assert torch.equal(layer(x, w), layer(x, w))


def test_each_layer_in_use_has_a_style_of_its_own():
    g = Generator(5, 1, 16, width=8, style_dim=6, mapping_layers=2).eval()
    for resolution, n in ((4, 2), (8, 4), (16, 6)):
        g.synthesis.level.set(Level(resolution))
        assert g.synthesis.num_styles == n
        w = g.mapping.styles(n, normal(2, 5))
        plain = g.synthesis(w)
        for number in range(n):
            other = w.clone()
            other[:, number] += 1
            assert not torch.equal(g.synthesis(other), plain)
