import pytest
import torch

from gan_lab.cli.compose import compose
from gan_lab.model.projection import Projection
from gan_lab.network.layers import ConditionalBatchNorm2d, SelfAttention
from gan_lab.training.build import build
from tests.tiny import fit, tiny


def test_with_labels_d_projects_and_g_has_conditional_norms():
    gan = fit(tiny("model=sagan", images=16))
    assert isinstance(gan.discriminator, Projection)
    assert any(isinstance(m, ConditionalBatchNorm2d) for m in gan.generator.modules())
    assert gan.num_classes == 3
    assert not torch.equal(gan.sample([0, 1], classes=[2]), gan.sample([0, 1], classes=[1]))


@pytest.mark.slow
def test_without_labels_it_has_neither():
    gan = fit(tiny("model=sagan", "data.num_classes=null"))
    assert not isinstance(gan.discriminator, Projection)
    assert not any(isinstance(m, ConditionalBatchNorm2d) for m in gan.generator.modules())
    assert gan.num_classes is None
    assert gan.sample(range(2)).shape == (2, 1, 8, 8)


def test_a_generator_without_conditional_norms_has_the_label_in_its_latents():
    gan = build(tiny("model=sagan", "network=mlp"))
    assert gan.generator.latent_dim == 90
    assert gan.sample(range(4), classes=[0]).shape == (4, 1, 8, 8)


@pytest.mark.parametrize("num_classes", ["3", "null"])
def test_both_networks_attend_and_are_spectrally_normalised(num_classes):
    gan = build(tiny("model=sagan", f"data.num_classes={num_classes}"))
    for network in (gan.generator, gan.discriminator):
        assert sum(isinstance(m, SelfAttention) for m in network.modules()) == 1
        assert any("parametrizations" in name for name in network.state_dict())
    labels = [name for name in gan.discriminator.state_dict() if name.startswith("embedding.")]
    assert all("parametrizations" in name for name in labels)
    assert bool(labels) == (num_classes == "3")


def test_defaults_are_two_rates_and_equal_steps():
    cfg = compose("train", ["model=sagan"])
    assert (cfg.optimizer.g.lr, cfg.optimizer.d.lr, cfg.model.d_steps) == (1e-4, 4e-4, 1)
    assert cfg.optimizer.g.betas == cfg.optimizer.d.betas == [0.0, 0.9]


@pytest.mark.parametrize("model", ["sagan", "biggan", "stylegan2"])
def test_a_discriminator_that_takes_labels_gets_no_second_projection(model):
    gan = fit(tiny(f"model={model}", "network=r3gan", "network.generator.width=8", "network.discriminator.width=8", images=4))
    assert not isinstance(gan.discriminator, Projection)
    assert gan.discriminator.num_classes == 3
