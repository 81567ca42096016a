import time
from types import SimpleNamespace

import lightning as L
import pytest

from gan_lab.callback.resources import Resources
from gan_lab.callback.validation import Validation
from gan_lab.logger.csv import CsvLogger
from gan_lab.run_folder import read_rows
from gan_lab.training.short_run import equal
from tests.tiny import fit, tiny

PAUSE = 0.5


class Slow(L.Callback):
    """Judging that takes its time."""

    def on_validation_epoch_end(self, trainer, gan):
        time.sleep(PAUSE)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The folder of a run of 7 steps, 4 images each, its GAN, and what a dashboard was told."""
    folder, told = tmp_path_factory.mktemp("recorded"), []
    dashboard = L.pytorch.loggers.CSVLogger(folder / "dashboard")
    dashboard.log_metrics = lambda row, step=None: told.append(row)
    loggers = [CsvLogger(folder / "metrics.csv"), dashboard]
    callbacks = Resources(str(folder), every_steps=2), Validation(), Slow()
    gan = fit(tiny("model=gan", images=28), *callbacks, logger=loggers, limit_val_batches=1, val_check_interval=3)
    return folder, gan, told


def test_rows_hold_speed_and_memory_over_images_seen_with_those_after_the_last_interval(recorded):
    folder, _, told = recorded
    rows = read_rows(folder / "resources.csv")
    assert [row["images_seen"] for row in rows] == [8, 16, 24, 28]
    assert all(50 < row["peak_memory_mib"] < 100_000 for row in rows)
    assert rows == [row for row in told if "images_per_second" in row]
    assert not any("images_per_second" in row for row in read_rows(folder / "metrics.csv"))


def test_judging_is_left_out_of_the_time(recorded):
    rows = read_rows(recorded[0] / "resources.csv")
    assert rows[1]["images_per_second"] > 8 / PAUSE  # a validation stands between 8 and 16 images


def test_it_does_not_change_training(recorded):
    assert equal(recorded[1], fit(tiny("model=gan", images=28)))


def test_a_resumed_run_drops_what_it_writes_again(tmp_path):
    path = tmp_path / "resources.csv"
    path.write_text("images_seen,images_per_second\n4,1.5\n8,2.5\n")
    callback = Resources(str(tmp_path), every_steps=1)
    callback.on_train_start(None, SimpleNamespace(images_seen=4))
    assert read_rows(path) == [{"images_seen": 4, "images_per_second": 1.5}]
