import re
from pathlib import Path

import pytest

from gan_lab import train
from gan_lab.logger.csv import CsvLogger
from gan_lab.run_folder import read_rows
from tests.tiny import TINY

OWN = """
from gan_lab.model.gan import GAN


class Mine(GAN):
    def training_step(self, batch, batch_idx):
        super().training_step(batch, batch_idx)
        self.log("mine_train", 1.0)

    def validation_step(self, *args):
        self.log("mine_val", 0.25)
        return super().validation_step(*args)
"""


def test_rows_with_other_columns_share_one_table(tmp_path):
    path = tmp_path / "metrics.csv"
    logger = CsvLogger(path)
    rows = [{"images_seen": 1, "a": 0.5}, {"images_seen": 2, "b": 0.25}, {"images_seen": 3, "a": 1.0}]
    for row in rows:
        logger.log_metrics(row)
    assert read_rows(path) == rows
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.csv"]


def test_a_resumed_run_appends_and_drops_what_it_will_see_again(tmp_path):
    path = tmp_path / "metrics.csv"
    first = CsvLogger(path)
    for images in (10, 20, 30):
        first.log_metrics({"images_seen": images})
    with path.open("a") as file:
        file.write("\n,")  # as a killed run leaves it
    CsvLogger(path, resumed_at=20).log_metrics({"images_seen": 25, "new": 1.5})
    assert path.read_text() == "images_seen,new\n10,\n20,\n25,1.5\n"


def test_a_row_behind_the_last_one_stands_at_its_clocks_after_a_resume_too(tmp_path):
    path = tmp_path / "metrics.csv"
    CsvLogger(path).log_metrics({"images_seen": 20, "d_steps_done": 5})
    CsvLogger(path, resumed_at=20).log_metrics({"images_seen": 10, "d_steps_done": 2, "final/images_seen": 10})
    assert read_rows(path)[1] == {"images_seen": 20, "d_steps_done": 5, "final/images_seen": 10}


@pytest.mark.parametrize("torn", ["30", "30,0.", "30,0.5,7\r\n", "\0\0\0", "\0\0\0\n30,\0\r\n", "3\xff\r\n"])
def test_a_torn_file_is_mended_and_said(tmp_path, capsys, torn):
    path = tmp_path / "metrics.csv"
    CsvLogger(path).log_metrics({"images_seen": 10, "a": 0.5})
    whole = path.read_bytes()
    path.write_bytes(whole + torn.encode("latin1"))
    assert read_rows(path) == [{"images_seen": 10, "a": 0.5}]
    CsvLogger(path)
    assert path.read_bytes() == whole
    assert re.match(r"dropped (1 torn line|2 torn lines) of ", capsys.readouterr().out)


def test_numbers_come_back_to_the_last_digit(tmp_path):
    path, value = tmp_path / "metrics.csv", 0.1 + 0.2
    CsvLogger(path).log_metrics({"images_seen": 1, "x": value})
    assert read_rows(path)[0]["x"] == value


def test_what_a_users_own_model_logs_stands_over_images_seen(call, tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    own = ["model._target_=mine.Mine", "+trainer.log_every_n_steps=1", "+trainer.limit_val_batches=1"]
    call(train.main, *TINY, *own, "val_every_images=32")
    rows, name = read_rows(Path("run/metrics.csv")), "mine_val/dataloader_idx_0"  # as Lightning calls it beside another loader
    own = [(row["images_seen"], row["d_steps_done"], row[name]) for row in rows if name in row]
    assert own == [(32, 8, 0.25), (64, 16, 0.25)]
    assert len([row["images_seen"] for row in rows if "mine_train" in row]) == 16
