import json
import os
from pathlib import Path

import numpy as np
import pytest

from gan_lab import atomic


def test_the_former_file_stands_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("former")
    with atomic.replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "former"
        assert partial.parent == path.parent  # a rename across disks would copy
    assert path.read_text() == "new"


def test_a_writer_that_fails_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("former")
    with pytest.raises(OSError, match="No space left"), atomic.replacing(path) as partial:
        partial.write_text("ne")
        raise OSError(28, "No space left on device")
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_names_the_file_and_not_the_one_beside_it(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        atomic.write_text(tmp_path / "gone" / "a.txt", "text")
    assert error.value.filename == str(tmp_path / "gone" / "a.txt")


def test_the_bytes_are_on_the_disk_before_the_file_takes_its_place(tmp_path, monkeypatch):
    order, replace = [], Path.replace
    monkeypatch.setattr(os, "fsync", lambda _: order.append("fsync"))
    monkeypatch.setattr(Path, "replace", lambda self, target: order.append("replace") or replace(self, target))
    atomic.write_text(tmp_path / "a.txt", "text")
    assert order == ["fsync", "replace"]


def test_writers_that_go_by_the_suffix_write_the_same_file(tmp_path):
    with atomic.replacing(tmp_path / "a.npz") as partial:
        np.savez(partial, x=np.arange(3))
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["x"].tolist() == [0, 1, 2]


def test_what_is_no_json_leaves_the_former_file(tmp_path):
    atomic.write_json(tmp_path / "a.json", {"é": [1, None]})
    with pytest.raises(TypeError):
        atomic.write_json(tmp_path / "a.json", {"é": object()})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"é": [1, None]}
