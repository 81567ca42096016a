"""`python -m gan_lab.benchmark_data`, called as a command."""

import json

import pytest

from gan_lab import benchmark_data
from gan_lab.cli import command
from tests.benchmark.small import SMALL, WAYS


def test_it_prints_and_writes_four_speeds_and_memories(call, capsys):
    folder = call(benchmark_data.main, *SMALL, "benchmark.images=30")
    record = json.loads((folder / "benchmark_data.json").read_text())
    assert list(record["ways"]) == WAYS
    for way in record["ways"].values():
        assert way["images_per_second"] > 0
        assert len(way["rounds"]) == 2
        assert way["images"] == 8  # a batch a round, where no time is given
        assert min(way["resident_mib"]) > 0
    assert record["ways"][WAYS[0]]["ratio"] == 1
    assert (record["batch"], record["workers"]) == ([4, 3, 8, 8], 1)
    out = capsys.readouterr().out
    assert all(word in out for word in (*WAYS, "images/s", "ratio", "growth"))
    assert [path.name for path in folder.iterdir()] == ["benchmark_data.json"]


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_without_classes_is_refused(call, tmp_path, made):
    if made:
        (tmp_path / "plain").mkdir()
    with pytest.raises(SystemExit) as error:
        call(benchmark_data.main, *SMALL, "data.root=plain")
    assert "'plain' has no folders of images, one for each class: give data.root=FOLDER" in str(error.value)


def test_it_composes():
    cfg = command.compose("benchmark_data", [])
    assert (cfg.data.image_size, cfg.data.flip) == (32, True)
