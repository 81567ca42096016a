import pytest
import torch
from sklearn.datasets import load_digits

from gan_lab.data.digits import digits
from gan_lab.errors import InputError


def rows(data):
    return [(*image.flatten().tolist(), label) for image, label in zip(data.images, data.labels.tolist(), strict=True)]


def test_the_splits_are_all_digits_once():
    pixels, labels = load_digits(return_X_y=True)
    expected = [(*[int(value * 255 / 16 + 0.5) for value in image], label) for image, label in zip(pixels, labels, strict=True)]
    assert sorted(rows(digits("train")) + rows(digits("held_out"))) == sorted(expected)


def test_sizes_and_types():
    for split, size in {"train": 1200, "held_out": 597}.items():
        data = digits(split)
        assert data.images.shape == (size, 1, 8, 8)
        assert data.images.dtype == torch.uint8
        assert data.labels.dtype == torch.int64
        assert data.images.aminmax() == (0, 255)


def test_every_split_has_every_digit_in_about_equal_number():
    for split in ("train", "held_out"):
        shares = digits(split).labels.bincount(minlength=10) / len(digits(split))
        assert shares.min() > 0.07
        assert shares.max() < 0.13


def test_the_split_is_the_one_that_the_committed_classifier_was_trained_on():
    assert digits("train").labels[:10].tolist() == [7, 6, 7, 5, 9, 5, 1, 8, 3, 7]


def test_unknown_split():
    with pytest.raises(InputError, match=r"^split=test does not exist \(choices: train, held_out\)"):
        digits("test")
