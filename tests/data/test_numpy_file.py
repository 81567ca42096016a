"""Refusals are tested in test_array.py, as a run meets them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gan_lab.data import numpy_file
from gan_lab.data.numpy_file import Labels, check_values, classes, conditions, read
from gan_lab.errors import InputError

ANY = Path("any.npz")


def test_a_npy_file_is_mapped_and_an_npz_is_read_with_its_labels(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(5, 2, 9)), np.arange(5)
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", signals=x, pitch=y, note=np.array(["unused"]))
    mapped, none = read(tmp_path / "a.npy", "x", "y")
    assert isinstance(mapped, np.memmap) and none is None
    found, labels = read(tmp_path / "a.npz", "signals", "pitch")
    assert np.array_equal(mapped, x) and np.array_equal(found, x) and np.array_equal(labels, y)
    assert read(tmp_path / "a.npz", "signals", "y")[1] is None


def test_labels_are_int64_classes_or_float32_vectors():
    found = classes(np.array([0, 2, 1], "uint8"), ANY)
    assert (found.y.tolist(), found.y.dtype, found.num_classes, found.label_dim) == ([0, 2, 1], torch.int64, 3, None)
    for y in (np.array([0.5, 2.0]), np.array([[0.5], [2.0]], "float16")):
        found = conditions(y, ANY)
        assert (found.y.tolist(), found.y.dtype, found.label_dim) == ([[0.5], [2.0]], torch.float32, 1)
    assert numpy_file.none(np.arange(3), ANY) == Labels()


def test_every_value_is_looked_at_part_by_part(monkeypatch):
    monkeypatch.setattr(numpy_file, "SCANNED", 10)
    values = torch.zeros(50, 3)
    check_values(values, ANY, None)
    values[47, 2] = torch.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        check_values(values, ANY, None)
    values[47] = torch.tensor([0.0, 0.0, 5.0])
    check_values(values, ANY, [[-1, -1, -1], [1, 1, 5]])
    with pytest.raises(InputError, match=r"from 0 to 5, outside data.range=\[\[-1, -1, -1\], \[1, 5, 1\]\]"):
        check_values(values, ANY, [[-1, -1, -1], [1, 5, 1]])
