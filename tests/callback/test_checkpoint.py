import math
import os
import signal

import lightning as L
import pytest
import torch
from hydra.utils import instantiate

from gan_lab.callback.checkpoint import Checkpoint
from gan_lab.errors import Diverged
from gan_lab.training import checkpoint
from tests.tiny import fit, tiny


class Scores(L.Callback):
    """Says that validation gave these scores."""

    def __init__(self, *scores):
        self.scores = list(scores)

    def on_validation_epoch_end(self, trainer, gan):
        trainer.callback_metrics["val/x"] = torch.tensor(self.scores.pop(0))


@pytest.mark.parametrize(
    ("mode", "scores", "best"),
    [
        ("min", [3.0, 1.0, 2.0], 1.0),
        ("max", [3.0, 1.0, 2.0], 3.0),
        ("min", [3.0, math.nan, 4.0], 3.0),
        ("min", [math.nan, 5.0, math.inf], 5.0),
    ],
)
def test_the_best_score_wins_and_what_is_no_number_never_does(tmp_path, mode, scores, best):
    keeper = Checkpoint(str(tmp_path), 10**9, "x", mode)
    fit(tiny(images=12), Scores(*scores), keeper, limit_val_batches=1, val_check_interval=1)
    assert keeper.best == best
    assert keeper.objective == (-best if mode == "max" else best)
    seen = torch.load(tmp_path / "best.ckpt", weights_only=True)["state_dict"]["_extra_state"]["images_seen"]
    assert seen == 4 * (1 + scores.index(best))


def test_of_equal_scores_the_latest_is_kept(tmp_path):
    fit(
        tiny(images=12),
        Scores(8.0, 8.0, 7.0),
        Checkpoint(str(tmp_path), 10**9, "x", "max"),
        limit_val_batches=1,
        val_check_interval=1,
    )
    assert torch.load(tmp_path / "best.ckpt", weights_only=True)["state_dict"]["_extra_state"]["images_seen"] == 8


def test_without_a_score_only_the_last_is_kept(tmp_path):
    fit(tiny(images=12), Checkpoint(str(tmp_path), 8), limit_val_batches=1, val_check_interval=1)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_the_best_score_survives_a_resume(tmp_path):
    cfg = tiny(images=4)
    first = Checkpoint(str(tmp_path), 10**9, "x")
    fit(cfg, checkpoint.EmbedConfig(cfg, []), Scores(1.0), first, limit_val_batches=1, val_check_interval=1)
    second = Checkpoint(str(tmp_path), 10**9, "x")
    fit(tiny(images=8), Scores(2.0), second, ckpt_path=tmp_path / "last.ckpt", limit_val_batches=1, val_check_interval=1)
    assert second.best == 1.0


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    class Break(L.Callback):
        def on_train_batch_start(self, trainer, gan, batch, batch_idx):
            if batch_idx == 2:
                next(gan.discriminator.parameters()).data.fill_(math.nan)

    with pytest.raises(Diverged, match=r"^the discriminator diverged: discriminator\.\S+ is not finite"):
        fit(tiny(images=16), Break(), Checkpoint(str(tmp_path), 4))
    content = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert content["state_dict"]["_extra_state"]["images_seen"] == 8


def test_statistics_that_overflow_are_not_saved_as_the_best(tmp_path):
    class Overflow(L.Callback):
        def on_validation_start(self, trainer, gan):
            next(b for name, b in gan.generator_ema.named_buffers() if "var" in name).fill_(math.inf)

    with pytest.raises(Diverged, match=r"^the generator diverged: generator_ema\.\S+running_var is not finite"):
        fit(
            tiny("model=dcgan", images=4),
            Scores(1.0),
            Overflow(),
            Checkpoint(str(tmp_path), 10**9, "x"),
            limit_val_batches=1,
            val_check_interval=1,
        )
    assert not list(tmp_path.glob("*.ckpt"))


def test_sigterm_saves_where_the_run_stands(tmp_path):
    class Terminate(L.Callback):
        def on_train_batch_start(self, trainer, gan, batch, batch_idx):
            if batch_idx == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit):
        fit(tiny(images=48), Terminate(), Checkpoint(str(tmp_path), 10**9))
    resumed = fit(tiny(images=48), ckpt_path=tmp_path / "last.ckpt")
    whole = fit(tiny(images=48))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]["_extra_state"]["images_seen"] == 16
    assert all(torch.equal(a, b) for a, b in zip(resumed.parameters(), whole.parameters(), strict=True))


def test_a_history_keeps_the_latest_and_nothing_that_lies_beyond_them(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "0000000099.ckpt").touch()  # of a run that was resumed from before it
    cfg = tiny(images=20)
    fit(cfg, checkpoint.EmbedConfig(cfg, []), Checkpoint(str(folder), 4, keep=3))
    assert [path.stem for path in sorted(folder.iterdir())] == ["0000000012", "0000000016", "0000000020", "last"]
    for path in folder.iterdir():
        content = checkpoint.read(path)
        assert content["format"] == checkpoint.FORMAT
        assert path.stem in ("last", f"{content['state_dict']['_extra_state']['images_seen']:010d}")
    assert (folder / "last.ckpt").stat().st_ino != (folder / "0000000020.ckpt").stat().st_ino


def test_the_callbacks_act_in_the_order_that_keeps_good_checkpoints_good():
    names = list(tiny().callback)
    assert names.index("loss_logger") < names.index("checkpoint")
    assert names.index("validation") < names.index("checkpoint")
    assert names.index("stop_condition") < names.index("checkpoint")
    assert instantiate(tiny().callback.checkpoint).primary is None
