import signal
from types import SimpleNamespace

import pytest

from gan_lab.training.signals import Stopped, stoppable


@pytest.fixture(autouse=True)
def heard():
    """Signals as in the foreground of a shell, which tells what it runs in the background to ignore some."""
    given = {signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    former = {number: signal.signal(number, handler) for number, handler in given.items()}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_process_with_a_shells_status_and_a_sentence(tmp_path, capsys, number, status):
    former = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended, stoppable(tmp_path):
        signal.raise_signal(number)
    assert ended.value.code == status
    assert capsys.readouterr().out == "stopped before the first checkpoint: the same command with resume=auto starts anew\n"
    assert signal.getsignal(number) is former


def test_with_a_checkpoint_the_sentence_says_how_to_go_on(tmp_path, capsys):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(SystemExit), stoppable(tmp_path):
        signal.raise_signal(signal.SIGTERM)
    assert capsys.readouterr().out == f"stopped; python -m gan_lab.train resume={tmp_path} goes on\n"


def test_in_fit_lightning_ends_the_run(tmp_path):
    with stoppable(tmp_path) as signals:
        signals.trainer = SimpleNamespace(state=SimpleNamespace(fn="fit"), received_sigterm=True)
        signal.raise_signal(signal.SIGTERM)
        signals.trainer.state.fn = "test"
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGTERM)


def test_what_a_shell_ignores_stays_ignored():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, former)


def test_another_end_keeps_its_status(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, stoppable(tmp_path):
        raise SystemExit("gan_lab: bad input")
    assert ended.value.code == "gan_lab: bad input"
    assert capsys.readouterr().out == ""
