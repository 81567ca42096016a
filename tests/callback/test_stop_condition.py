import signal

import lightning as L
import pytest

from gan_lab.callback import stop_condition as limit
from gan_lab.callback.checkpoint import Checkpoint
from gan_lab.callback.validation import Validation
from tests.model.test_every_model import same
from tests.tiny import fit, tiny


@pytest.fixture
def an_hour_a_look(monkeypatch):
    """A clock that is an hour later each time that the limit looks at it."""
    hours = iter(range(1000))
    monkeypatch.setattr(limit, "time", type("Clock", (), {"monotonic": lambda: 3600 * next(hours)}))


def test_hours_end_a_run_with_a_validation_and_a_checkpoint_to_go_on_from(an_hour_a_look, tmp_path):
    cfg, validation = tiny(images=48), Validation()
    cfg.callback.stop_condition.max_hours = 3
    stopped = fit(cfg, validation, Checkpoint(str(tmp_path), 10**9), limit_val_batches=1, val_check_interval=100)
    assert stopped.images_seen == 3 * 4
    assert "d_held_out" in validation.values
    resumed = fit(tiny(images=48), ckpt_path=tmp_path / "last.ckpt")
    assert same(resumed, fit(tiny(images=48)))


def test_the_length_in_images_is_reached_but_not_passed_by_a_whole_step():
    assert fit(tiny(images=12)).images_seen == 12
    assert fit(tiny(images=13)).images_seen == 16


def test_ctrl_c_has_its_meaning_back_after_the_run_and_after_a_failure():
    class Fail(L.Callback):
        def on_train_batch_end(self, *args):
            assert signal.getsignal(signal.SIGINT) is not handler
            raise KeyError

    handler = signal.getsignal(signal.SIGINT)
    fit(tiny(images=4))
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(KeyError):
        fit(tiny(images=4), Fail())
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_second_ctrl_c_aborts_at_once():
    class Interrupt(L.Callback):
        def on_train_batch_start(self, trainer, gan, batch, batch_idx):
            signal.raise_signal(signal.SIGINT)
            reached.append(1)
            signal.raise_signal(signal.SIGINT)
            reached.append(2)

    reached = []
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            fit(tiny(images=8), Interrupt())
    finally:
        signal.signal(signal.SIGINT, former)
    assert reached == [1]
