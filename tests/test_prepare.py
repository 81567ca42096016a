import errno
import multiprocessing
import os
import re
import shlex
import shutil
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from gan_lab import prepare, train
from tests.data.pictures import BROKEN, EVENTS, HELD_OUT, TRAIN, draw

OPTIONS = ["data=fake", "data._target_=tests.data.pictures.Source", "~data.train", "~data.held_out", "+data.root=pictures",
           "+data.prepared=prepared", "data.image_size=8", "data.batch_size=4"]  # fmt: skip


@pytest.fixture
def run(call, tmp_path):
    """The command on a folder of pictures, one of them broken."""
    draw(tmp_path / "pictures")
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


def test_the_report_says_where_how_many_how_fast_and_what_was_left_out(run, capsys):
    folder = run()
    out = capsys.readouterr().out
    assert re.search(rf"52 images in \d+\.\d s, [\d,]+ images/s -> prepared/{arrays(folder).name}", out)
    assert "train: 39 images 3x8x8, no labels" in out
    assert "skipped 1 broken image: 7.txt" in out
    assert "1 because such a file is broken or in an unknown format: replace or remove it" in out
    assert "WARNING: the values span" in out  # the number of an image is its level


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


# ----- what a person sees, and bad input ---------------------------------------------------------------------------------


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


def test_the_report_says_what_came_in(call, tmp_path, capsys):
    for number in range(4):
        (tmp_path / "pictures" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.effect_noise((12, 8), 200).save(tmp_path / "pictures" / "ab"[number % 2] / f"{number}.png")
    (tmp_path / "pictures" / "notes.txt").write_text("")
    options = ["data=image_folder", "data.root=pictures", "data.image_size=8", "data.num_classes=2", "data.resize=box",
               "data.prepared=prepared", "prepare.workers=0"]  # fmt: skip
    for lines in (["left out 1 file without an image (.txt), such as pictures/notes.txt"], []):  # they are read once
        call(prepare.main, *options)
        out = capsys.readouterr().out
        both = ["before: 12x8 pixels (width x height), L; the middle is kept, 67% of the pixels, and scaled to 8x8 by box"]
        for line in [
            *both,
            "classes: 0 a, 1 b",
            *lines,
            "and no file is decoded again: python -m gan_lab.train data=image_folder",
        ]:
            assert line in out
