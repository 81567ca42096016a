import errno
import multiprocessing
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from gan_lab import prepare, train
from gan_lab.cli import command
from gan_lab.data import writer
from gan_lab.data.module import Data
from gan_lab.errors import InputError

TRAIN, HELD_OUT, BROKEN = range(40), range(40, 52), 7
EVENTS = {}
"""What happens when an image is read: its number -> a function."""


class Pictures(Dataset):
    """Images that lie in a folder as text files, each of which holds a number; reading one is noted in the file ``read``."""

    labels = None
    strict = False

    def __init__(self, root, numbers):
        self.root, self.numbers = root, numbers

    def __len__(self):
        return len(self.numbers)

    def name(self, index):
        return f"{self.numbers[index]}.txt"

    def read(self, index):
        EVENTS.get(self.numbers[index], lambda: None)()
        with self.root.with_name("read").open("a") as file:
            file.write(f"{self.numbers[index]}\n")
        text = (self.root / self.name(index)).read_text()
        if text == "broken":
            raise InputError(f"the image '{self.name(index)}' is broken")
        return torch.full((3, 8, 8), int(text), dtype=torch.uint8)

    def __getitem__(self, index):
        return self.read(index), None


class Source(Data):
    """The pictures of a folder."""

    def __init__(self, root, layout=None, **options):
        self.root = Path(root)
        super().__init__(partial(Pictures, self.root, TRAIN), partial(Pictures, self.root, HELD_OUT), **options)

    @property
    def recipe(self):
        return {"name": "pictures", "image_size": self.image_size}

    @property
    def stamp(self):
        return str(self.root.stat().st_mtime_ns) if self.root.exists() else None


OPTIONS = ["data=fake", "data._target_=tests.test_prepare.Source", "~data.train", "~data.held_out", "+data.root=pictures",
           "+data.prepared=prepared", "data.image_size=8", "data.batch_size=4"]  # fmt: skip


@pytest.fixture
def run(call, tmp_path):
    """The command on a folder of pictures, one of them broken."""
    EVENTS.clear()
    (tmp_path / "pictures").mkdir()
    for number in (*TRAIN, *HELD_OUT):
        (tmp_path / "pictures" / f"{number}.txt").write_text("broken" if number == BROKEN else str(number))
    return lambda *options: call(prepare.main, *OPTIONS, "prepare.workers=0", "prepare.chunk=8", *options)


def arrays(folder):
    return next((folder / "prepared").glob("pictures-8-????????"))


def asked(folder):
    return [int(line) for line in (folder / "read").read_text().split()]


def numbers(folder):
    return np.fromfile(arrays(folder) / "train.uint8", np.uint8).reshape(-1, 3 * 8 * 8)[:, 0].tolist()


def refusal(run, *options):
    with pytest.raises(SystemExit) as error:
        run(*options)
    return str(error.value)


def test_every_image_is_decoded_once_and_a_second_call_finds_them(run, capsys):
    folder = run()
    assert numbers(folder) == [number for number in TRAIN if number != BROKEN]
    before = asked(folder)
    assert sorted(before[2:]) == [*TRAIN, *HELD_OUT]  # the first two: one look at each split, before the work begins
    capsys.readouterr()
    run()
    assert asked(folder) == before
    assert "already exists, written" in capsys.readouterr().out


def test_all_cores_decode_unless_told(run, monkeypatch):
    given = []
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr(writer, "DataLoader", lambda *_, num_workers, **__: given.append(num_workers) or iter([]))
    monkeypatch.setattr(writer.Writer, "finish", lambda self: {"splits": {}})
    run("prepare.workers=null")
    assert given == [3, 3]


def test_the_report_says_where_how_many_how_fast_and_what_was_left_out(run, capsys):
    folder = run()
    out = capsys.readouterr().out
    assert re.search(rf"52 images in \d+\.\d s, [\d,]+ images/s -> prepared/{arrays(folder).name}", out)
    assert "train: 39 images 3x8x8, no labels" in out
    assert "1 broken image(s) skipped: 7.txt" in out


def test_the_command_that_it_names_trains_with_the_arrays_when_the_source_is_gone(run, call, capsys):
    folder = run()
    named = shlex.split(capsys.readouterr().out.split("python -m gan_lab.train ")[1])
    assert named == OPTIONS
    shutil.rmtree(folder / "pictures")
    small = ["network.generator.width=8", "network.discriminator.width=8", "max_images=8", "logger=csv", "hydra.run.dir=a_run"]
    call(train.main, *named, *small, "trainer.accelerator=cpu")
    assert (folder / "a_run" / "summary.json").exists()


def test_a_batch_larger_than_the_data_is_no_matter_here(run):
    assert len(numbers(run("data.batch_size=100"))) == 39


def test_verify_reads_every_byte(run, capsys):
    folder = run()
    run("prepare.verify=true")
    assert "every byte matches its hash" in capsys.readouterr().out
    (arrays(folder) / "held_out.uint8").write_bytes(bytes(12 * 3 * 8 * 8))
    assert "held_out.uint8' is damaged" in refusal(run, "prepare.verify=true")


def test_a_changed_source_is_prepared_again(run):
    folder = run()
    (folder / "pictures" / "0.txt").write_text("99")
    os.utime(folder / "pictures", (1, 1))
    run()
    assert numbers(folder)[0] == 99


# ----- stopped -----------------------------------------------------------------------------------------------------------


def interrupt():
    EVENTS.clear()
    raise KeyboardInterrupt


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(run, capsys, tmp_path):
    EVENTS[20] = interrupt
    with pytest.raises(SystemExit) as error:
        run()
    assert error.value.code == 130
    assert "stopped after 16 images: run the same command again to continue" in capsys.readouterr().out
    (tmp_path / "read").unlink()
    run()
    assert asked(tmp_path)[2:] == [*range(16, 40), *HELD_OUT]
    assert "36 images in" in capsys.readouterr().out


def test_a_killed_process_is_taken_up(run, tmp_path):
    EVENTS[20] = partial(os._exit, 9)
    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join(60)
    assert child.exitcode == 9
    EVENTS.clear()
    (tmp_path / "read").unlink()
    run()
    assert asked(tmp_path)[2:] == [*range(16, 40), *HELD_OUT]
    assert numbers(tmp_path) == [number for number in TRAIN if number != BROKEN]


def test_a_disk_that_is_too_small_is_refused_before_the_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=52 * (3 * 8 * 8 + 8) - 1))
    sentence = refusal(run)
    assert "the disk is too full for 'prepared/pictures-8-" in sentence
    assert "needs 10,400 more bytes" in sentence
    assert asked(tmp_path) == [0, 40]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=52 * (3 * 8 * 8 + 8)))
    run()


def test_a_disk_that_fills_up_loses_nothing(run, tmp_path, monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    EVENTS[20] = full
    assert "needs 7,200 more bytes: free some space and run the same command again to continue" in refusal(run)  # 36 images
    EVENTS.clear()
    assert len(numbers(run())) == 39


def test_two_at_once_make_one(run, tmp_path, capfd):
    children = [multiprocessing.get_context("fork").Process(target=run) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0]
    assert len(asked(tmp_path)) == 52 + 2
    assert len(numbers(tmp_path)) == 39


def test_the_second_says_that_it_waits(tmp_path, capsys):
    with prepare._alone(tmp_path / "arrays"):
        child = multiprocessing.get_context("fork").Process(target=wait, args=[tmp_path])
        child.start()
        while not (tmp_path / "waits").exists():
            child.join(0.01)
            assert child.exitcode is None
        assert not (tmp_path / "had").exists()
    child.join(60)
    assert (tmp_path / "waits").read_text() == f"waiting for another process that writes {tmp_path / 'arrays'}"
    assert (tmp_path / "had").exists()


def wait(tmp_path):
    prepare._say = (tmp_path / "waits").write_text
    with prepare._alone(tmp_path / "arrays"):
        (tmp_path / "had").touch()


# ----- what a person sees, and bad input ---------------------------------------------------------------------------------


def test_without_a_terminal_lines_say_how_far_it_is(run, capsys, monkeypatch):
    monkeypatch.setattr(prepare, "PLAIN_SECONDS", 0)
    run()
    out = capsys.readouterr().out
    assert "train: 16/40 images, " in out
    assert " images/s, " in out
    assert "held_out: 12/12 images" in out


def test_a_terminal_shows_a_bar(run, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(prepare, "PLAIN_SECONDS", 0)
    run()
    out = capsys.readouterr().out
    assert "━" in out
    assert "s left" not in out


def test_data_that_are_made_in_memory_have_nothing_to_prepare(call):
    sentence = refusal(partial(call, prepare.main), "data=digits")
    assert sentence == "gan_lab: data=digits needs no preparation: train on it directly"


def test_the_arrays_need_a_place(run):
    assert "data.prepared=null names no folder" in refusal(run, "data.prepared=null")


def test_a_place_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "prepared").write_text("a file")
    assert "cannot create 'prepared' (File exists): give another data.prepared=FOLDER" in refusal(run)


@pytest.mark.parametrize("option", ["prepare.chunk=0", "prepare.workers=-1", "data.image_size=0"])
def test_numbers_that_cannot_be_are_refused(run, option):
    assert f"{option} is invalid: give a whole number" in refusal(run, option)


def test_it_composes_and_its_help_imports_nothing_heavy():
    assert command.compose("prepare", []).prepare.chunk == 256
    code = (
        "import sys; from gan_lab import prepare; sys.argv = ['prepare', '--help']; prepare.main(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'lightning', 'wandb')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "python -m gan_lab.prepare" in done.stdout
