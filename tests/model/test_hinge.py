import pytest

from gan_lab.cli.compose import compose
from tests.toy import LR, THETA, W, after_one_step


def test_one_step_of_each_player_by_hand():
    w = W - LR * THETA  # of max(0, 1 + D(theta))
    assert after_one_step("model=hinge") == pytest.approx((w, THETA + LR * w))


def test_fakes_beyond_the_margin_do_not_move_d():
    w, theta = after_one_step("model=hinge", "network.discriminator.w=-2")  # D(theta) = -2
    assert (w, theta) == pytest.approx((-2, THETA - LR * 2))


def test_defaults_are_dcgans_networks_and_no_penalty():
    cfg = compose("train", ["model=hinge"])
    assert "dcgan" in cfg.network.generator._target_
    assert not cfg.get("penalty")
