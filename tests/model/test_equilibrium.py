import math

import pytest

from gan_lab.model.gan import GAN
from gan_lab.training.build import build
from tests.tiny import tiny

LOG_2 = math.log(2)


@pytest.mark.parametrize(
    ("model", "d_loss", "g_loss"),
    [
        ("gan", 2 * LOG_2, LOG_2),
        ("dcgan", 2 * LOG_2, LOG_2),
        ("lsgan", 0.25, 0.125),
        ("hinge", 2, 0),
        ("wgan", 0, 0),
        ("wgan_gp", 0, 0),
        ("acgan", 2 * LOG_2, LOG_2),
        ("ragan", 2 * LOG_2, 2 * LOG_2),
        ("rsgan", LOG_2, LOG_2),
    ],
)
def test_the_equilibrium_is_where_every_logit_is_at_the_threshold(model, d_loss, g_loss):
    assert build(tiny(f"model={model}")).equilibrium() == pytest.approx({"d_loss": d_loss, "g_loss": g_loss})


class Images(GAN):
    def generator_loss(self, batch):
        return super().generator_loss(batch) + batch.fake.flatten(1).mean()


class Features(GAN):
    def generator_loss(self, batch):
        return (batch.real_features - batch.fake_features).square().mean()


class Labels(GAN):
    def generator_loss(self, batch):
        return super().generator_loss(batch) * batch.fake_y.float().mean()


class Infinite(GAN):
    def generator_loss(self, batch):
        return super().generator_loss(batch) / 0


@pytest.mark.parametrize("kind", [Images, Features, Labels, Infinite])
def test_a_loss_that_needs_more_than_logits_has_none_and_the_other_keeps_its(kind):
    gan = build(tiny("model=gan", f"model._target_={__name__}.{kind.__name__}"))
    assert gan.equilibrium() == pytest.approx({"d_loss": 2 * LOG_2})
