import io
import re

import lightning as L
import pytest
from rich.console import Console

from gan_lab.callback import progress as module
from gan_lab.callback.loss_logger import LossLogger
from gan_lab.callback.progress import Progress
from gan_lab.callback.stop_condition import StopCondition
from gan_lab.callback.validation import Validation
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.suite import MetricSuite
from gan_lab.training.short_run import equal
from tests.tiny import fit, tiny


@pytest.fixture
def screen():
    return io.StringIO()


@pytest.fixture
def show(screen):
    """Trains for 24 of 48 images, 4 a step, and gives what was printed."""

    def run(*callbacks, terminal=False, plain_seconds=0, **options):
        progress = Progress(max_images=48, plain_seconds=plain_seconds)
        progress.console = Console(file=screen, force_terminal=terminal, width=100)
        fit(tiny(images=24), *callbacks, progress, **options)
        return screen.getvalue()

    return run


def test_without_a_terminal_there_are_plain_lines_with_losses_speed_and_time_left(show):
    sizes, *lines = show(LossLogger(every_steps=2)).splitlines()
    assert sizes.startswith("generator ") and ", discriminator " in sizes
    assert [line.split(" images")[0] for line in lines] == [f"{seen}/48" for seen in (4, 8, 12, 16, 20, 24)]
    assert all(word in lines[-1] for word in ("d_loss ", "g_loss ", " images/s, ", " s left"))
    assert "\x1b" not in "".join(lines)


def test_the_size_of_every_trained_network_is_shown(screen):
    progress = Progress(max_images=8)
    progress.console = Console(file=screen, width=100)
    fit(tiny("model=vae_gan", images=8), progress)
    assert [part.split()[0] for part in screen.getvalue().splitlines()[0].split(", ")] == ["generator", "discriminator", "e"]


def test_plain_lines_come_no_more_often_than_asked(show):
    assert len(show(plain_seconds=1000).splitlines()) == 1  # the sizes


def test_a_validation_shows_its_scores(show):
    assert "24 images  val/d_held_out " in show(Validation(), limit_val_batches=1, val_check_interval=6)


def test_a_terminal_shows_a_bar(show):
    text = show(terminal=True)
    assert "━" in text
    assert "/48" in text


class Fail(L.Callback):
    def on_train_batch_end(self, *args):
        raise KeyError


@pytest.mark.parametrize("callbacks", [[], [Fail()]])
def test_the_bar_gives_the_cursor_back_however_the_run_ends(show, screen, callbacks):
    try:
        show(*callbacks, terminal=True)
    except KeyError:
        assert callbacks
    hide, unhide = "\x1b[?25l", "\x1b[?25h"
    assert screen.getvalue().count(hide) == screen.getvalue().count(unhide) == 1


@pytest.fixture
def soon(monkeypatch):
    """An estimate after two steps and one."""
    monkeypatch.setattr(module, "WARMUP", (2, 0.0))
    monkeypatch.setattr(module, "MEASURED", (3, 0.0))


def expected(text):
    return [line for line in text.splitlines() if line.startswith("expect ")]


def test_what_to_expect_is_said_once_with_speed_time_end_and_memory(show, soon):
    (line,) = expected(show(Validation(), limit_val_batches=1, val_check_interval=6))
    assert re.search(
        r"^expect +[\d,]+ images/s, .+ to the end at \d{4}-\d\d-\d\d \d\d:\d\d, of which \d+ s to judge it 3 times; ", line
    )
    assert re.search(r"; [1-9][\d,]* MiB of this process$", line)


def test_hours_limit_what_to_expect(show, soon, monkeypatch):
    monkeypatch.setattr(module.Pace, "training_left", lambda *_: 1e6)
    (line,) = expected(show(StopCondition(24, max_hours=0.5)))
    assert ", 30 min 0 s to the end" in line


def test_a_run_that_overshoots_its_length_has_no_time_left(screen):
    progress = Progress(max_images=10, plain_seconds=0)
    progress.console = Console(file=screen, width=100)
    fit(tiny(images=10), progress)
    assert screen.getvalue().splitlines()[-1].startswith("12/10 images ")
    assert screen.getvalue().endswith("images/s, 0 s left\n")


def test_to_watch_a_run_does_not_change_a_bit_of_it(soon, screen):
    progress = Progress(max_images=24)
    progress.console = Console(file=screen)
    judged = {"limit_val_batches": 1, "val_check_interval": 6}
    suite = MetricSuite({"frechet": Frechet()}, {"pixels": Pixels()})
    watched = fit(tiny(images=24), Validation(suite), progress, **judged)
    assert expected(screen.getvalue())
    assert equal(watched, fit(tiny(images=24)))
