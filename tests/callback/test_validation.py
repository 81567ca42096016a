import math

import lightning as L
import pytest
import torch
from hydra.utils import instantiate

from gan_lab.callback.validation import Validation
from gan_lab.logger.csv import CsvLogger, read
from gan_lab.training.short_run import equal
from tests.tiny import fit, tiny

DIGITS = ["data=digits", "data.batch_size=8", "model=gan"]


@pytest.fixture
def judged(tmp_path):
    cfg = tiny(*DIGITS)
    judge = Validation(instantiate(cfg.metric))
    gan = fit(cfg, judge, limit_val_batches=1.0, val_check_interval=3)
    return gan, judge


def test_scores_come_with_the_floor_and_ds_overfitting(judged):
    _, judge = judged
    assert {"fd_digits8", "cs_digits8", "d_held_out", "d_train", "d_overfit"} <= judge.scores.keys()
    assert all(math.isfinite(score) for score in judge.scores.values())
    assert 0 < judge.floor["fd_digits8"] < judge.scores["fd_digits8"]
    assert judge.metric.protocol()["n_fake"] == judge.metric.protocol()["n_held_out"] == 597


def test_judging_does_not_change_training_nor_enter_the_checkpoint(judged, tmp_path):
    gan, _ = judged
    unjudged = fit(tiny(*DIGITS))
    assert equal(gan, unjudged)
    assert gan.state_dict().keys() == unjudged.state_dict().keys()
    for one, name in ((gan, "a.ckpt"), (unjudged, "b.ckpt")):
        one.trainer.save_checkpoint(tmp_path / name)
    sizes = [(tmp_path / name).stat().st_size for name in ("a.ckpt", "b.ckpt")]
    assert sizes[0] - sizes[1] < 10_000  # the extractor alone has 90 kB


def test_the_same_weights_get_the_same_score_whatever_the_precision():
    scores = []
    for precision in ("32-true", "bf16-mixed"):
        cfg = tiny(*DIGITS, "network.generator.norm=none", images=8)  # statistics would follow the precision
        cfg.optimizer.g.lr = cfg.optimizer.d.lr = 0.0
        judge = Validation(instantiate(cfg.metric))
        fit(cfg, judge, limit_val_batches=1.0, val_check_interval=1, precision=precision)
        scores.append(judge.scores["fd_digits8"])
    assert scores[0] == scores[1]


def test_each_validation_shows_the_same_latents_and_the_final_one_others(tmp_path):
    cfg = tiny(*DIGITS, images=16)
    seen = []

    class Spy(L.Callback):
        def on_validation_batch_end(self, trainer, gan, outputs, batch, batch_idx, dataloader_idx=0):
            if (batch_idx, dataloader_idx) == (0, 0):
                z = gan.latent_rows(range(4), gan.seed, 5)
                seen.append((outputs["fake"][:4], gan.generate(z)))

        on_test_batch_end = on_validation_batch_end

    gan = fit(cfg, Spy(), limit_val_batches=1.0, val_check_interval=1)
    gan.trainer.test(gan, instantiate(cfg.data), verbose=False)
    *validations, final = seen
    for fake, expected in validations:
        torch.testing.assert_close(fake, expected)
    assert not torch.allclose(*final)


def test_loggers_do_not_change_training(tmp_path):
    from gan_lab.callback.loss_logger import LossLogger

    silent = fit(tiny("model=dcgan"))
    loud = fit(tiny("model=dcgan"), LossLogger(every_steps=2), logger=CsvLogger(tmp_path / "metrics.csv"))
    assert equal(silent, loud)
    assert len(read(tmp_path / "metrics.csv")) == 6
