import pytest

from gan_lab.cli.compose import compose
from gan_lab.model.wgan import OfficialCriticSteps
from tests.tiny import fit, tiny
from tests.toy import LR, THETA, W, Watch, after_one_step


def test_one_step_of_each_player_by_hand():
    w = W - LR * THETA  # the loss is D(fake) - D(real) = w theta
    assert after_one_step("model=wgan", "model.clip=9") == pytest.approx((w, THETA + LR * w))


def test_g_meets_the_clipped_critic():
    assert after_one_step("model=wgan", "model.clip=0.7") == pytest.approx((0.7, THETA + LR * 0.7))


def test_every_weight_is_within_the_clip_after_each_step_batch_norms_too():
    watch = Watch(lambda gan: {name: p.abs().max().item() for name, p in gan.discriminator.named_parameters()})
    fit(tiny("model=wgan", "data.image_size=16", "network.discriminator.norm=batch", images=12), watch)
    assert len(watch.seen) == 3
    for largest in watch.seen:
        assert max(largest.values()) == pytest.approx(0.01)
        assert {0.01} < {round(value, 9) for value in largest.values()}  # gains begin near 1: they are clipped


def test_the_official_critic_steps_are_the_authors():
    steps = OfficialCriticSteps()
    assert [steps(done) for done in (0, 24, 25, 499, 500, 501, 1000)] == [100, 100, 5, 5, 100, 5, 100]


def test_defaults_are_algorithm_1():
    cfg = compose("train", ["model=wgan"])
    assert (cfg.model.d_steps, cfg.model.clip, dict(cfg.get("penalty") or {})) == (5, 0.01, {})
    for optimizer in (cfg.optimizer.g, cfg.optimizer.d):
        assert (optimizer._target_, optimizer.lr) == ("torch.optim.RMSprop", 5e-5)
