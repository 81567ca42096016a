"""The 1,797 handwritten 8x8 digits that scikit-learn carries (UCI, Alpaydin & Kaynak 1998): data without a download."""

import torch
from sklearn.datasets import load_digits

from gan_lab.data.arrays import Arrays
from gan_lab.errors import pick
from gan_lab.rng import key

NUM_TRAIN = 1200
SPLITS = {"train": slice(NUM_TRAIN), "held_out": slice(NUM_TRAIN, None)}


def digits(split: str) -> Arrays:
    """1,200 digits to train on, or the 597 ``held_out`` ones: (1, 8, 8), labels 0 to 9."""
    pixels, labels = load_digits(return_X_y=True)  # 17 grey levels, 0 to 16
    images = torch.from_numpy(pixels).mul(255 / 16).round().to(torch.uint8).view(-1, 1, 8, 8)
    order = sorted(range(len(images)), key=key)  # a shuffle that no version of a library changes
    rows = order[pick(SPLITS, split, "split")]
    return Arrays(images[rows], torch.from_numpy(labels).long()[rows])
