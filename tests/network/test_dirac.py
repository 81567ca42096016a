from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from gan_lab.errors import InputError
from gan_lab.network.dirac import Discriminator, Generator

CONFIG = Path(__file__).parents[2] / "conf/network/dirac.yaml"


def test_config_starts_where_it_says():
    start = {"generator": {"theta": 2}, "discriminator": {"w": -0.5}}
    cfg = OmegaConf.merge(OmegaConf.load(CONFIG), {"data": {"channels": 2, "image_size": 1}}, start)
    g, d = instantiate(cfg.generator), instantiate(cfg.discriminator)
    assert [weight.tolist() for weight in g.parameters()] == [[2.0, 2.0]]
    assert [weight.tolist() for weight in d.parameters()] == [[-0.5, -0.5]]


def test_generator_makes_its_point_for_every_latent():
    g = Generator(2, 1, theta=3.0)
    points = g(torch.randn(5, g.latent_dim))
    assert points.shape == (5, 2, 1, 1)
    assert (points == 3).all()


def test_discriminator_is_linear():
    d = Discriminator(2, 1, w=0.5)
    points = torch.tensor([[1.0, 2.0], [-4.0, 0.0]]).view(2, 2, 1, 1)
    assert d(points).tolist() == [1.5, -2.0]
    assert torch.equal(d(points), d.head(d.features(points)))


def test_vector_field_is_the_paper_s():
    """d/dw D(G(z)) = theta and d/dtheta D(G(z)) = w, eq. 5 with f' = 1."""
    g, d = Generator(1, 1, theta=2.0), Discriminator(1, 1, w=-3.0)
    d(g(torch.zeros(1, 1))).sum().backward()
    assert (g.theta.grad.item(), d.w.grad.item()) == (-3.0, 2.0)


@pytest.mark.parametrize("net", [Generator, Discriminator])
def test_images_are_refused(net):
    with pytest.raises(InputError) as error:
        net(1, 8)
    assert str(error.value) == "network=dirac makes points, but data of size 8 are images: use network=mlp"
