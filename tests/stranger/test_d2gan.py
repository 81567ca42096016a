"""D2GAN (Nguyen 2017, https://arxiv.org/abs/1709.03831): two discriminators, for reals and for fakes."""

import pytest

from tests.stranger.lab import OWN, SMALL, TINY

MODEL = """
    from torch.nn.functional import softplus

    from gan_lab.model.base import TrainedNetwork
    from gan_lab.model.gan import GAN


    class D2GAN(GAN):
        decision_threshold = None

        def __init__(self, *args, second, alpha, beta, **kwargs):
            super().__init__(*args, **kwargs)
            self.second, self.alpha, self.beta = second, alpha, beta

        def trained_networks(self):
            return [*super().trained_networks(), TrainedNetwork("d2", self.second, self.d_optimizer, "d")]

        def discriminator_terms(self, batch):
            seen = self.seen_by_each(batch)["d2_"]
            reward = self.beta * softplus(seen.fake_logits).log().mean() - softplus(seen.real_logits).mean()
            return {"d2_loss": -reward}

        def generator_terms(self, batch):
            return {"g2_loss": self.beta * softplus(self.seen_by_each(batch)["d2_"].fake_logits).log().mean()}

        def discriminator_loss(self, batch):
            return -self.alpha * softplus(batch.real_logits).log().mean() + softplus(batch.fake_logits).mean()

        def generator_loss(self, batch):
            return -softplus(batch.fake_logits).mean()
"""
CONF = """
    defaults: [gan, _self_]
    _target_: my_d2gan.D2GAN
    second: ${network.discriminator}
    alpha: 0.2
    beta: 0.1
"""
D2GAN = [*TINY, *SMALL, "model=my_d2gan", *OWN]


@pytest.fixture
def d2gan(lab):
    lab.write(my_d2gan=MODEL, conf__model__my_d2gan=CONF)
    return lab


@pytest.mark.slow
def test_both_discriminators_move_in_the_step_of_d_under_a_penalty_each(d2gan):
    row = d2gan.train(*D2GAN, "penalty=r1").read_rows()[0]
    assert {"d2_loss", "g2_loss", "r1", "d2_r1", "d2_gradient_norm", "d2_lr"} <= row.keys()
    assert row["r1"] != row["d2_r1"] > 0
    d2gan.check(*D2GAN, "penalty=r1", "only=steps", "max_images=16")


def test_a_penalty_that_keeps_statistics_of_one_discriminator_is_refused(d2gan):
    with pytest.raises(SystemExit) as ended:
        d2gan.train(*D2GAN, "penalty=lecam")
    assert str(ended.value) == (
        "gan_lab: penalty=lecam keeps statistics of one discriminator, and this model trains several: leave it out"
    )


def test_a_penalty_is_refused_that_the_second_discriminator_cannot_have(d2gan):
    second = "model.second={_target_: gan_lab.network.mlp.Discriminator, channels: 1, image_size: 8, width: 8, norm: batch}"
    with pytest.raises(SystemExit, match="penalty=r1 takes the gradient of each image's own logit, and BatchNorm"):
        d2gan.train(*D2GAN, "penalty=r1", second)
