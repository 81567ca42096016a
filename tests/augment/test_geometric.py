import math

import numpy as np
import pytest
import torch

from gan_lab.augment.geometric import general_maps, geometric, whole_maps
from gan_lab.augment.resample import phases

NO = [False] * 5


def draws(*values):
    return torch.tensor([values], dtype=torch.float64)


def due(*flags):
    return torch.tensor([flags])


def diagonal(*values):
    return np.diag([*values, 1.0])


def turn(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def move(across, down):
    return np.array([[1, 0, -across], [0, 1, -down], [0, 0, 1]])


@pytest.mark.parametrize("size", [(8, 8), (8, 12)])
def test_what_is_not_due_is_the_identity_bit_for_bit(size):
    eye = torch.eye(3, dtype=torch.float64)[None]
    assert torch.equal(whole_maps(due(*NO[:3]), draws(0.1, 0.9, 0.3, 0.8), *size), eye)
    assert torch.equal(general_maps(due(*NO), draws(0.1, 0.9), draws(1.0, 2.0, -1.0, 0.5), *size), eye)


@pytest.mark.parametrize(
    ("flags", "u", "size", "expected"),
    [
        ((True, False, False), (0.49, 0.9, 0.9, 0.9), (8, 8), diagonal(-1, 1)),
        ((True, False, False), (0.50, 0.9, 0.9, 0.9), (8, 8), diagonal(1, 1)),
        ((False, True, False), (0.1, 0.30, 0.9, 0.9), (8, 8), turn(90)),
        ((False, True, False), (0.1, 0.99, 0.9, 0.9), (8, 8), turn(270)),
        ((False, True, False), (0.1, 0.49, 0.9, 0.9), (8, 16), turn(0)),
        ((False, True, False), (0.1, 0.50, 0.9, 0.9), (8, 16), turn(180)),
        ((False, False, True), (0.1, 0.9, 0.0, 0.999), (16, 32), move(-4, 2)),
        ((True, True, True), (0.1, 0.30, 0.0, 0.999), (32, 32), diagonal(-1, 1) @ turn(90) @ move(-4, 4)),
    ],
)
def test_whole_maps_are_made_of_their_draws_flip_first(flags, u, size, expected):
    assert np.allclose(whole_maps(due(*flags), draws(*u), *size)[0], expected)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, diagonal(2**-0.2, 2**-0.2)),
        (1, diagonal(2**0.1, 2**-0.1)),
        (2, move(0.125 * 32 * 2, 0.125 * 16 * -1)),
        (3, turn(90)),
        (4, turn(-45)),
    ],
)
def test_general_maps_are_made_of_their_draws(number, expected):
    flags = [i == number for i in range(5)]
    found = general_maps(due(*flags), draws(0.75, 0.375), draws(1.0, -0.5, 2.0, -1.0), 16, 32)
    assert np.allclose(found[0], expected)


def test_all_general_maps_together_scale_turn_stretch_turn_and_shift():
    found = general_maps(due(*[True] * 5), draws(0.75, 0.375), draws(1.0, -0.5, 2.0, -1.0), 16, 32)
    expected = diagonal(2**-0.2, 2**-0.2) @ turn(90) @ diagonal(2**0.1, 2**-0.1) @ turn(-45) @ move(8, -2)
    assert np.allclose(found[0], expected)


def test_only_images_with_a_general_map_are_resampled():
    x = torch.rand(2, 1, 8, 8, dtype=torch.float64)
    whole = whole_maps(due(True, False, False).expand(2, 3), draws(0.1, 0.0, 0.0, 0.0).expand(2, 4), 8, 8)
    general = general_maps(due(*[True] * 5), draws(0.75, 0.375), draws(1.0, -0.5, 2.0, -1.0), 8, 8).expand(2, 3, 3)
    found = geometric(x, whole, general, torch.tensor([False, True]), phases().double())
    assert torch.equal(found[0], x[0].flip(2))
    assert not set(found[1].flatten().tolist()) & set(x[1].flatten().tolist())
