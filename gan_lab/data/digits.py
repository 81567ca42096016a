"""The 1,797 handwritten 8x8 digits shipped with scikit-learn (UCI, Alpaydin & Kaynak 1998): no download needed."""

import torch
from sklearn.datasets import load_digits

from gan_lab.data.arrays import Arrays
from gan_lab.errors import pick
from gan_lab.rng import key

NUM_TRAIN = 1200
SPLITS = {"train": slice(NUM_TRAIN), "held_out": slice(NUM_TRAIN, None)}


def digits(split: str) -> Arrays:
    """Return the 1,200 digits of ``split="train"`` or the 597 of ``"held_out"``: images (1, 8, 8), labels 0 to 9."""
    pixels, labels = load_digits(return_X_y=True)  # 17 grey levels, 0 to 16
    images = torch.from_numpy(pixels).mul(255 / 16).round().to(torch.uint8).view(-1, 1, 8, 8)
    order = sorted(range(len(images)), key=key)  # a shuffle that does not depend on any library's version
    rows = order[pick(SPLITS, split, "split")]
    return Arrays(images[rows], torch.from_numpy(labels).long()[rows])
