import io

import lightning as L
import pytest
from rich.console import Console

from gan_lab.callback.loss_logger import LossLogger
from gan_lab.callback.progress import Progress
from gan_lab.callback.validation import Validation
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
