import math

import lightning as L
import pytest
import torch

from gan_lab.callback.divergence import Divergence
from gan_lab.callback.loss_logger import LossLogger
from gan_lab.errors import Diverged
from tests.tiny import composed, fit, tiny


def broken(change, tmp_path, *overrides, step=5):
    """The message of a run in which this happens before a step, with rows only at its end."""

    class Break(L.Callback):
        def on_train_batch_start(self, trainer, gan, batch, batch_idx):
            if batch_idx == step:
                change(gan)

    with pytest.raises(Diverged) as raised, torch.no_grad():
        cfg = tiny("model=dcgan", *overrides, images=4 * 40)
        fit(cfg, LossLogger(every_steps=1000), Divergence(every_steps=10), Break(), default_root_dir=tmp_path)
    return str(raised.value)


def overflow(gan):
    next(buffer for name, buffer in gan.generator.named_buffers() if name.endswith("running_var")).fill_(math.inf)


def test_a_weight_that_is_no_number_stops_the_run_at_the_next_check(tmp_path):
    said = broken(lambda gan: next(gan.discriminator.parameters()).data.fill_(math.nan), tmp_path)
    assert said.startswith("the discriminator diverged: discriminator.")
    assert "at D step 10 (detected at 40 images). Lower optimizer." in said


def test_statistics_that_overflow_stop_it(tmp_path):
    assert broken(overflow, tmp_path).startswith("the generator diverged: generator.")


def test_the_memory_of_an_optimizer_that_overflows_stops_it(tmp_path):
    def change(gan):
        state = gan.trainer.optimizers[0].state
        state[next(iter(state))]["exp_avg_sq"].fill_(math.inf)

    assert "diverged: the memory of its optimizer is not finite" in broken(change, tmp_path)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_good_checkpoint_is_spoken_of_only_where_there_is_one(tmp_path, is_there):
    if is_there:
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / "last.ckpt").touch()
    assert ("The last good checkpoint is kept. " in broken(overflow, tmp_path)) == is_there


def test_a_sound_run_goes_on():
    assert fit(tiny("model=dcgan", images=16), Divergence(every_steps=2)).images_seen == 16


def test_a_run_checks_every_50_steps_whatever_the_interval_of_its_rows():
    assert composed("log_every_steps=1000").callback.divergence.every_steps == 50
