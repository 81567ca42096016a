import pytest

from gan_lab.cli.compose import compose
from tests.toy import LR, THETA, W, after_one_step


def test_one_step_of_each_player_by_hand():
    w = W - LR * (2 * W * THETA) * THETA  # of D(theta)^2 / 2; the reals at 0 teach a linear D nothing
    theta = THETA - LR * (2 * w * THETA - 1) * w  # of (D(theta) - 1)^2 / 2
    assert after_one_step("model=lsgan") == pytest.approx((w, theta))


def test_defaults_are_dcgans_networks_and_no_penalty():
    cfg = compose("train", ["model=lsgan"])
    assert "dcgan" in cfg.network.generator._target_
    assert not cfg.get("penalty")
