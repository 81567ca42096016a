import math

import pytest

from gan_lab.cli.compose import compose
from gan_lab.model.ragan import RaGAN
from gan_lab.training.build import build
from tests.tiny import tiny
from tests.toy import LR, THETA, W, after_one_step, sigmoid


def test_one_step_of_each_player_by_hand():
    w = W - LR * 2 * sigmoid(2 * W * THETA) * THETA  # on one point a score is the average: both halves are the same
    theta = THETA + LR * 2 * sigmoid(-2 * w * THETA) * w
    assert after_one_step("model=ragan") == pytest.approx((w, theta))


def test_at_equilibrium_both_losses_are_two_log_two():
    gan = build(tiny("model=ragan"))
    assert gan.equilibrium() == pytest.approx({"d_loss": 2 * math.log(2), "g_loss": 2 * math.log(2)})


def test_defaults_are_the_authors_script():
    cfg = compose("train", ["model=ragan"])
    assert cfg.model._target_ == "gan_lab.model.ragan.RaGAN"
    assert cfg.network.discriminator.norm == "spectral"
    assert RaGAN.batch_dependent
