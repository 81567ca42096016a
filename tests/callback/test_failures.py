import io
import math
import re

import pytest
import torch
from rich.console import Console

from gan_lab.callback.failures import Failures, diversity, trend
from gan_lab.callback.loss_logger import LossLogger
from gan_lab.callback.progress import Progress
from gan_lab.model.gan import GAN
from gan_lab.training.build import build
from tests.tiny import composed, fit, tiny

SOUND = {"d_loss": 1.2, "g_loss": 0.9, "d_gradient_norm": 3.0, "g_gradient_norm": 2.0, "d_fake_accuracy": 0.7}


class Board:
    """Stands in for a dashboard."""

    def log_lines(self, name, lines, clocks):
        self.shown = (name, lines, clocks["images_seen"])


class Trainer:
    """Stands in for a trainer: gives one row after another to the callback."""

    def __init__(self, *rows, decision_threshold=0.0, **thresholds):
        self.failures, self.callback_metrics, self.loggers = Failures(every_steps=2, window=4, **thresholds), {}, [Board()]
        gan = type(
            "Stub",
            (),
            {
                "decision_threshold": decision_threshold,
                "images_seen": 0,
                "d_steps_done": 0,
                "g_steps_done": 0,
                "steps_of_batch": 1,
            },
        )()
        for row in rows:
            for _ in range(2):
                gan.d_steps_done += 1
                gan.images_seen += 64
                if gan.d_steps_done % 2 == 0:
                    self.callback_metrics.update({name: torch.tensor(value) for name, value in (SOUND | row).items()})
                self.failures.on_train_batch_end(self, gan, None, None, 0)


@pytest.fixture
def warnings(capsys):
    """What is said of these rows, by the first word after the clock."""

    def run(*rows, **options):
        Trainer(*rows, **options)
        return re.findall(r"warning at ([\d,]+) images: (\w+)", capsys.readouterr().out)

    return run


def test_dashboards_show_all_that_was_said_and_a_resumed_run_goes_on_with_it():
    trainer = Trainer(*series("d_gradient_norm", 101.0), *series("g_gradient_norm", 101.0))
    name, lines, images = trainer.loggers[0].shown
    assert (name, len(lines), images) == ("warnings", 2, 256)
    resumed = Failures()
    resumed.load_state_dict(trainer.failures.state_dict())
    assert list(resumed.warnings.values()) == lines
    assert resumed.state_dict() == trainer.failures.state_dict()


def test_a_g_without_a_gradient_is_named(warnings):
    assert warnings(*series("g_gradient_norm", 1e-9, 0.0)) == [("256", "g_gradient_norm")]


def test_the_diversity_of_the_reals_is_1_and_that_of_one_image_0():
    reals = torch.rand(64, 3, 4, 4)
    assert diversity(reals, reals) == 1
    assert diversity(reals[:1].expand_as(reals), reals) == 0
    assert diversity(0.03 * reals, reals) == pytest.approx(0.03, rel=1e-4)
    assert diversity(reals, reals[:1].expand_as(reals)) == math.inf


def test_samples_without_diversity_are_named_when_they_stay_so(capsys):
    trainer = Trainer()
    gan = type("Stub", (), {"images_seen": 64, "g_steps_done": 499})()
    reals = torch.rand(64, 3, 4, 4) * 2 - 1

    def validate(fake, **steps):
        vars(gan).update(steps)
        trainer.failures.on_validation_batch_end(trainer, gan, {"fake": fake, "real": reals}, None, 0)
        return capsys.readouterr().out

    same = reals[:1].expand_as(reals)
    assert [validate(same, g_steps_done=steps) for steps in (400, 499, 500)] == [""] * 3
    assert "warning at 64 images: the samples are nearly the same" in validate(same)
    assert validate(same) == ""
    assert validate(reals) == ""


def series(name, *values):
    return [{name: value} for value in values]


def test_a_sound_run_is_not_spoken_of(warnings):
    assert warnings(*series("d_loss", 1.3, 1.2, 1.25, 1.1, 1.2, 1.15)) == []


@pytest.mark.parametrize("player", ["d", "g"])
def test_a_large_gradient_norm_is_named_at_once_and_once(warnings, player):
    name = f"{player}_gradient_norm"
    assert warnings(*series(name, 5.0, 99.0, 101.0, 500.0, 101.0)) == [("384", name)]
    assert warnings(*series(name, 101.0), max_gradient_norm=200) == []


def test_a_loss_of_d_near_zero_is_named_when_it_stays_there(warnings):
    assert warnings(*series("d_loss", *[0.001] * 3)) == []
    assert warnings(*series("d_loss", *[0.001] * 9)) == [("512", "d_loss")]
    assert warnings(*series("d_loss", 0.001, 0.001, 0.001, 0.5)) == []


def test_a_loss_of_d_that_jumps_is_named_and_one_that_drifts_is_not(warnings):
    assert warnings(*series("d_loss", 0.5, 1.0, 0.5, 1.0)) == [("512", "d_loss")]
    assert warnings(*series("d_loss", 0.5, 1.0, 0.5, 1.0), max_d_loss_jump=0.6) == []
    assert warnings(*series("d_loss", *(1.5 - 0.25 * step for step in range(6)))) == []


def fooled(**last):
    rows = [{"g_loss": g, "d_loss": d, "d_fake_accuracy": 0.1} for g, d in ((0.9, 1.0), (0.7, 1.2), (0.4, 1.5), (0.3, 1.7))]
    return [*rows[:3], rows[3] | last]


def test_a_d_that_is_fooled_more_and_more_is_named(warnings):
    assert warnings(*fooled()) == [("512", "g_loss")]
    assert warnings(*fooled(g_loss=1.5)) == []
    assert warnings(*fooled(d_loss=1.2)) == []


def test_a_g_that_catches_up_with_a_d_that_knows_the_fakes_is_not(warnings):
    assert warnings(*fooled(d_fake_accuracy=0.9)) == []


def test_a_critics_loss_is_not_judged_but_its_gradient_is(warnings):
    rows = [row | {"d_gradient_norm": 120.0} for row in fooled()]
    assert warnings(*rows, *series("d_loss", *[0.0] * 4), *series("d_loss", -9.0, 9.0), decision_threshold=None) == [
        ("128", "d_gradient_norm")
    ]


def test_the_correlation_with_time_is_1_for_a_rise_and_0_where_nothing_changes():
    assert trend([1.0, 2.0, 3.0]) == pytest.approx(1)
    assert trend([3.0, 2.0, 1.0]) == pytest.approx(-1)
    assert trend([2.0, 2.0, 2.0]) == 0
    assert abs(trend([1.0, 2.0, 2.0, 1.0])) < 1e-9


def test_every_remedy_is_an_option_that_there_is():
    failures = Failures(window=4)
    found = failures.gradients(dict.fromkeys(("d_gradient_norm", "g_gradient_norm"), 101.0))
    for rows in (series("d_loss", *[0.0] * 4), series("d_loss", 0.0, 9.0, 0.0, 9.0), fooled()):
        found |= failures.losses([SOUND | row for row in rows])
    found |= failures.gradients({"g_gradient_norm": 0.0})
    failures.diversities.extend([0.0, 0.0])
    found |= failures.samples()
    assert len(found) == 7
    for text in found.values():
        remedies = re.findall(r"[a-z_.]+=[a-z0-9_]+", text)
        assert remedies
        build(tiny("model=gan", *remedies))
        assert all(f"{name}.lr" in text for name in re.findall(r"optimizer\.\w", text))


def make_hopeless(gan):
    """D's scores are right by far."""
    gan.discriminator_loss = lambda batch: GAN.discriminator_loss(gan, batch) * 1e-6


@pytest.fixture
def train():
    def run(*callbacks, steps=12):
        cfg = tiny("model=gan", images=4 * steps)
        gan = build(cfg)
        make_hopeless(gan)
        return fit(cfg, LossLogger(every_steps=2), Failures(every_steps=2, window=3), *callbacks, gan=gan)

    return run


def test_it_reads_what_record_has_written_in_the_same_step(train, capsys):
    train()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "warning" in line]
    assert line.startswith("warning at 24 images: d_loss is 1.4e-06: D tells all")
    assert "Lower optimizer.d.lr" in line


def test_without_a_record_it_says_nothing(capsys):
    fit(tiny("model=gan"), Failures(every_steps=2, window=3))
    assert "warning" not in capsys.readouterr().out


def test_a_bar_stays_whole_and_the_warning_stands_above_it(train):
    screen = io.StringIO()
    progress = Progress(max_images=48, plain_seconds=0)
    progress.console = Console(file=screen, force_terminal=True, width=400)
    train(progress)
    lines = [line for line in screen.getvalue().splitlines() if "warning at 24 images" in line]
    assert len(lines) == 1
    assert "━" not in lines[0].split("warning")[1]


def test_a_second_run_is_warned_anew(train, capsys):
    train()
    train()
    assert capsys.readouterr().out.count("warning at 24 images: d_loss") == 2


def test_a_run_has_it_with_the_cadence_of_the_rows():
    cfg = composed("log_every_steps=7", "callback=[loss_logger,failures]")
    assert cfg.callback.failures.every_steps == 7
