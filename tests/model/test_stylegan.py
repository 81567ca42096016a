import pytest
import torch

from gan_lab.cli.compose import compose
from gan_lab.training.build import build
from tests.tiny import context, fit, tiny

SMALL = ["network.generator.style_dim=8", "network.generator.latent_dim=8", "network.generator.mapping_layers=2",
         "network.generator.width=8", "network.discriminator.width=8"]  # fmt: skip


def test_defaults_are_those_of_the_paper():
    cfg = compose("train", ["model=stylegan", "data.image_size=64"])
    assert (cfg.penalty.r1.weight, cfg.penalty.r1.interval) == (10, 1)
    assert (cfg.model.growth.start, cfg.model.mixing, cfg.optimizer.g.lr) == (8, 0.9, 1e-3)


@pytest.mark.parametrize(("images_seen", "layers"), [(0, 2), (40, 4)])
def test_only_styles_of_layers_in_use_are_mixed(images_seen, layers):
    gan = build(tiny("model=stylegan", *SMALL, "model.mixing=1.0", "model.growth.start=4", "model.growth.images_per_level=40"))
    gan.images_seen = images_seen
    gan.grow()
    given = []
    gan.generator.register_forward_pre_hook(lambda module, inputs: given.append(inputs))
    gan.fakes(torch.randn(64, 8), None, context(gan))
    ((_, _, _, mixed),) = given
    firsts = (~mixed).sum(1)
    assert torch.equal(mixed, torch.arange(layers) >= firsts[:, None])
    assert firsts.unique().tolist() == list(range(1, layers))


def test_truncation_and_growth_go_together():
    gan = fit(tiny("model=stylegan", *SMALL, "model.growth.start=4", "model.growth.images_per_level=32", images=16))
    alike = gan.sample(4, truncation=0.0)
    assert gan.generator_ema.mapping.mean.abs().sum() > 0
    torch.testing.assert_close(alike, alike[:1].expand_as(alike))
    assert alike.shape == (4, 1, 8, 8)
