import pytest

from gan_lab.cli.compose import compose
from gan_lab.training.short_run import equal
from tests.tiny import fit, tiny
from tests.toy import after_one_step

SAME = ["network=mlp", "network.generator.width=[8,8]", "network.discriminator.width=[8,8]", "network.discriminator.norm=none",
        "optimizer=adam", "model/latent=normal"]  # fmt: skip


def test_it_is_the_2014_game_with_the_penalty():
    dragan = fit(tiny("model=dragan", *SAME, images=16))
    assert equal(dragan, fit(tiny("model=gan", "penalty=dragan", *SAME, images=16)))
    assert not equal(dragan, fit(tiny("model=dragan", "penalty=none", *SAME, images=16)))
    assert dragan.tracked["dragan"] > 0


def test_without_the_penalty_a_step_is_that_of_the_2014_game():
    plain = ["model=dragan", "penalty=none", "~network.discriminator.norm"]
    assert after_one_step(*plain) == pytest.approx(after_one_step("model=gan"), abs=0)


def test_defaults_are_the_authors_notebook():
    cfg = compose("train", ["model=dragan"])
    assert list(cfg.penalty) == ["dragan"]
    assert (cfg.penalty.dragan.weight, cfg.penalty.dragan.spread) == (10, 0.5)
    assert cfg.network.discriminator.norm == "layer"
    assert cfg.model.latent.path == "gan_lab.latents.uniform"
    for optimizer in (cfg.optimizer.g, cfg.optimizer.d):
        assert (optimizer.lr, optimizer.betas) == (1e-4, [0.5, 0.9])
