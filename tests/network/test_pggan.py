from pathlib import Path

import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import nn
from torch.nn.functional import linear

from gan_lab.network.equalized import map_channels
from gan_lab.network.pggan import Discriminator, Generator

CONFIG = Path(__file__).parents[2] / "conf/network/pggan.yaml"


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_config_makes_the_published_networks():
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": 3, "image_size": 1024}})
    with torch.device("meta"):
        counts = [sum(weight.numel() for weight in instantiate(cfg[player]).parameters()) for player in cfg if player != "data"]
    assert counts == [23_079_115, 23_087_249]
    assert map_channels(1024, 512, 2 * 8192) == [512, 512, 512, 512, 256, 128, 64, 32, 16]  # table 2


def test_the_first_layer_is_a_dense_one_with_a_bias_for_each_channel():
    g = Generator(6, 1, 8, width=4)
    given = []
    g.conv.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0]))
    nn.init.normal_(g.dense.bias)
    z = normal(3, 6)
    g(z)
    unit = z / z.square().mean(1, keepdim=True).sqrt()
    weight = g.dense.weight.flip(2, 3).permute(0, 2, 3, 1).reshape(4 * 16, 6) * (2**0.5 / 4) / 6**0.5  # the authors' gain
    h = nn.functional.leaky_relu(linear(unit, weight).view(3, 4, 4, 4) + g.dense.bias[:, None, None], 0.2)
    torch.testing.assert_close(given[0], h / (h.square().mean(1, keepdim=True) + 1e-8).sqrt())


def test_vectors_of_every_map_have_mean_square_1():
    g = Generator(6, 1, 16, width=8)
    outputs = []
    for block in g.blocks:
        block.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    g(normal(2, 6))
    assert [output.shape[-1] for output in outputs] == [8, 16]
    for output in outputs:
        torch.testing.assert_close(output.square().mean(1), torch.ones_like(output[:, 0]), rtol=1e-3, atol=1e-3)


def test_d_compares_the_images_of_a_batch():
    d, images = Discriminator(1, 8, width=8), normal(4, 1, 8, 8)
    other = torch.cat([images[:3], 3 * images[3:]])
    assert not torch.allclose(d(images)[:3], d(other)[:3])
