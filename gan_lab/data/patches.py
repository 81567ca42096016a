"""Colour crops of the two photographs that scikit-learn carries (a temple, a flower): real textures without a download."""

import torch
from sklearn.datasets import load_sample_images

from gan_lab.data.arrays import Arrays
from gan_lab.errors import InputError, pick
from gan_lab.ranges import Rows, Size
from gan_lab.rng import Stream, make_generator

HALVES = {"train": slice(None, 320), "held_out": slice(320, None)}
"""Columns of a photograph of 427 x 640 pixels: training sees the left half of both."""


def patches(split: str, n: Rows, image_size: Size, seed: int) -> Arrays:
    """Cut ``n`` crops of a split, uint8 (n, 3, S, S): photograph and place of a crop are a function of the seed and its index.

    Raises:
        InputError: a crop does not fit into half of a photograph.
    """
    columns = pick(HALVES, split, "split")
    photographs = torch.stack([torch.tensor(image[:, columns]) for image in load_sample_images().images]).permute(0, 3, 1, 2)
    height, width = photographs.shape[2:]
    if image_size > min(height, width):
        raise InputError(f"data.image_size={image_size} is larger than half of a photograph, {width} pixels: use up to {width}")
    draws = torch.rand(n, 3, generator=make_generator(seed, Stream.DATA))
    ranges = torch.tensor([len(photographs), height - image_size + 1, width - image_size + 1])
    places = (draws * ranges).long().tolist()
    return Arrays(torch.stack([photographs[p, :, y : y + image_size, x : x + image_size] for p, y, x in places]))
