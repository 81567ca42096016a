import pytest

from gan_lab.cli.compose import compose
from tests.toy import LR, THETA, W, after_one_step


def test_one_step_of_each_player_by_hand():
    norm = W * 2**0.5  # |grad D| = |w| everywhere, so the gradient of 10 (|w| - 1)^2 is 20 (|w| - 1) w / |w|
    w = W - LR * (THETA + 20 * (norm - 1) * W / norm)
    assert after_one_step("model=wgan_gp") == pytest.approx((w, THETA + LR * w))


def test_without_the_penalty_the_losses_are_the_differences_of_means():
    w = W - LR * THETA
    assert after_one_step("model=wgan_gp", "penalty=none") == pytest.approx((w, THETA + LR * w))


def test_defaults_are_the_papers():
    cfg = compose("train", ["model=wgan_gp", "data=fake", "data.image_size=32"])
    assert (cfg.model.d_steps, cfg.model.g_batch_ratio) == (5, 2)
    assert list(cfg.penalty) == ["wgan_gp"]
    assert (cfg.penalty.wgan_gp.weight, cfg.penalty.wgan_gp.target, cfg.penalty.wgan_gp.one_sided) == (10, 1, False)
    for optimizer in (cfg.optimizer.g, cfg.optimizer.d):
        assert (optimizer._target_, optimizer.lr, optimizer.betas) == ("torch.optim.Adam", 2e-4, [0.0, 0.9])
    assert cfg.schedule._target_ == "gan_lab.schedules.Linear"
    assert "resnet" in cfg.network.discriminator._target_
    assert cfg.network.discriminator.norm == "none"
