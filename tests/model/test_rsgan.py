import math

import pytest

from gan_lab.callback.loss_logger import logit_statistics
from gan_lab.cli.compose import compose
from gan_lab.training.build import build
from tests.tiny import fit, tiny
from tests.toy import after_one_step


def test_one_step_of_each_player_against_reals_of_score_0_is_the_2014_game():
    assert after_one_step("model=rsgan") == pytest.approx(after_one_step("model=gan"))


def test_at_equilibrium_both_losses_are_log_two():
    gan = build(tiny("model=rsgan"))
    assert gan.equilibrium() == pytest.approx({"d_loss": math.log(2), "g_loss": math.log(2)})


def test_scores_have_no_origin_so_there_is_no_accuracy():
    assert set(logit_statistics(fit(tiny("model=rsgan", images=8)))) == {"d_real", "d_fake", "d_gap"}


def test_defaults_are_the_authors_script():
    cfg = compose("train", ["model=rsgan"])
    assert "sndcgan" in cfg.network.discriminator._target_
    assert cfg.network.discriminator.norm == "spectral"
    for optimizer in (cfg.optimizer.g, cfg.optimizer.d):
        assert (optimizer.lr, optimizer.betas) == (2e-4, [0.5, 0.999])
    assert cfg.model.d_steps == 1
