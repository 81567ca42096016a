import multiprocessing

import pytest

from gan_lab.data import preparation, writer
from gan_lab.data.prepared import read
from tests.data.pictures import EVENTS, Source, draw


@pytest.fixture
def write(tmp_path):
    """Writes the arrays of a folder of pictures: their manifest and the number of images read."""
    draw(tmp_path / "pictures")
    options = {"channels": 3, "image_size": 8, "num_classes": None, "batch_size": 4, "seed": 0}

    def start(workers=0, chunk=8):
        return preparation.write(Source(tmp_path / "pictures", **options), tmp_path / "arrays", workers, chunk)

    return start


def test_it_returns_the_manifest_and_how_many_images_it_read(write, tmp_path):
    manifest, count = write()
    assert manifest == read(tmp_path / "arrays")
    assert ([split["count"] for split in manifest["splits"].values()], count) == ([39, 12], 52)


def test_a_second_call_reads_only_what_the_first_left(write, capsys):
    def interrupt():
        raise KeyboardInterrupt

    EVENTS[20] = interrupt
    with pytest.raises(SystemExit) as ended:
        write()
    assert ended.value.code == 130
    assert "stopped after 16 images" in capsys.readouterr().out
    EVENTS.clear()
    assert write()[1] == 52 - 16


def test_all_cores_decode_unless_told(write, monkeypatch):
    given = []
    monkeypatch.setattr(preparation, "cores", lambda: 3)
    monkeypatch.setattr(writer, "Loader", lambda *_, num_workers, **__: given.append(num_workers) or iter([]))
    monkeypatch.setattr(writer.Writer, "finish", lambda self: {"splits": {}})
    write(workers=None)
    assert given == [3, 3]


def test_the_second_says_that_it_waits(tmp_path, capsys):
    with preparation.exclusive(tmp_path / "arrays"):
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
    preparation.say = (tmp_path / "waits").write_text
    with preparation.exclusive(tmp_path / "arrays"):
        (tmp_path / "had").touch()


def test_without_a_terminal_lines_say_how_far_it_is(write, capsys, monkeypatch):
    monkeypatch.setattr(preparation, "PLAIN_SECONDS", 0)
    write()
    out = capsys.readouterr().out
    assert "train: 16/40 images, " in out
    assert " images/s, " in out
    assert "held_out: 12/12 images" in out


def test_a_terminal_shows_a_bar(write, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(preparation, "PLAIN_SECONDS", 0)
    write()
    out = capsys.readouterr().out
    assert "━" in out
    assert "s left" not in out
