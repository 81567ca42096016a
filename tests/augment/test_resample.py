"""Moved pixels against numpy's flips, turns and paddings; the antialiased path against loops, and a smooth function."""

import math

import numpy as np
import pytest
import torch

from gan_lab.augment.geometric import scaling, shifting, turning
from gan_lab.augment.resample import SYM6, compose, moved, phases, reflected, resampled

FILTERS = phases().double()  # made in float32


def images(n=1, channels=1, height=6, width=6):
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 2 - 1


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_positions_bounce_between_the_centres_of_the_outer_pixels():
    found = reflected(torch.arange(-9, 10), 4).tolist()
    assert found == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
    assert found == np.pad(np.arange(4), (9, 6), mode="reflect").tolist()
    assert reflected(numbers(-0.25, 3.25), 4).tolist() == [0.25, 2.75]
    assert reflected(torch.arange(-2, 3), 1).tolist() == [0] * 5


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("channels", [1, 3])
def test_quarter_turns_are_numpys(channels, quarters):
    x = images(2, channels)
    cos, sin = numbers(*[[1, 0, -1, 0][quarters]] * 2), numbers(*[[0, 1, 0, -1][quarters]] * 2)
    assert np.array_equal(moved(x, turning(cos, sin)), np.rot90(x.numpy(), quarters, axes=(2, 3)))


def test_a_flip_and_a_shift_of_an_oblong_image_are_numpys_with_its_mirror_image_beyond_the_border():
    x = images(2, 3, 5, 7)
    assert np.array_equal(moved(x, scaling(numbers(-1, -1), numbers(1, 1))), x.numpy()[..., ::-1])
    shifted = moved(x, shifting(numbers(2, -1), numbers(-3, 0)))
    padded = np.pad(x.numpy(), [(0, 0), (0, 0), (4, 4), (4, 4)], mode="reflect")
    assert np.array_equal(shifted[0], padded[0, :, 4 + 3 : 9 + 3, 4 - 2 : 11 - 2])
    assert np.array_equal(shifted[1], padded[1, :, 4:9, 4 + 1 : 11 + 1])


def bounced(place, size):
    """The place itself near the image, else its mirror image within."""
    if -3 <= place <= size + 2:
        return place
    while not 0 <= place <= size - 1:
        place = -place if place < 0 else 2 * (size - 1) - place
    return place


def by_loops(image, matrix):
    """One channel (H, W), a pixel after the other, by a matrix of filters for the resolutions."""
    height, width = image.shape
    centre = sum(i * tap for i, tap in enumerate(SYM6)) / math.sqrt(2)
    padded = np.pad(image, 6, mode="reflect")
    rows, columns = (np.zeros((2 * (size + 12) + 10, size + 12)) for size in (height, width))
    for filters in (rows, columns):
        for pixel in range(filters.shape[1]):
            filters[2 * pixel : 2 * pixel + 12, pixel] = SYM6
    fine = rows @ padded @ columns.T
    out = np.zeros((height, width))
    for i, j in np.ndindex(height, width):
        for s, t in np.ndindex(12, 12):
            x, y = ((2 * k + u - centre) / 2 - (size - 1) / 2 for k, u, size in ((j, t, width), (i, s, height)))
            across, down = (
                matrix[axis, :2] @ (x, y) + matrix[axis, 2] + (size - 1) / 2 for axis, size in ((0, width), (1, height))
            )
            v, w = (2 * (bounced(place, size) + 6) + centre for place, size in ((down, height), (across, width)))
            (k, m), a, b = (int(v), int(w)), v % 1, w % 1
            value = (1 - a) * ((1 - b) * fine[k, m] + b * fine[k, m + 1]) + a * (
                (1 - b) * fine[k + 1, m] + b * fine[k + 1, m + 1]
            )
            out[i, j] += SYM6[s] * SYM6[t] * value
    return out


def test_the_antialiased_path_agrees_with_loops_inside_and_beyond_the_border():
    x, angle = images(2, 1, 5, 7), numbers(0.7, -2.1)
    matrix = compose(turning(angle.cos(), angle.sin()), scaling(numbers(0.6, 2.5), numbers(1.3, 0.8)))
    matrix = compose(matrix, shifting(numbers(1.7, -4.2), numbers(-0.4, 3.3)))
    found = resampled(x, matrix, FILTERS)
    expected = [[by_loops(channel, m) for channel in image] for image, m in zip(x.numpy(), matrix.numpy(), strict=True)]
    torch.testing.assert_close(found, torch.tensor(np.array(expected)), rtol=0, atol=1e-6)


def test_the_identity_and_a_shift_by_whole_pixels_change_nothing_but_by_rounding():
    x = images(2, 3, 12, 9)
    none = numbers(0, 0)
    torch.testing.assert_close(resampled(x, shifting(none, none), FILTERS), x, rtol=0, atol=1e-6)
    shift = shifting(numbers(2, -1), numbers(1, 3))
    inner = [image[..., 4:-4, 4:-4] for image in (resampled(x, shift, FILTERS), moved(x, shift))]
    torch.testing.assert_close(*inner, rtol=0, atol=1e-6)


@pytest.mark.parametrize("degrees", [0, 33, 90, 180])
def test_a_smooth_picture_is_found_where_geometry_says(degrees):
    angle, scale, shift = numbers(math.radians(degrees)), numbers(0.9), (1.3, -2.6)
    matrix = compose(compose(turning(angle.cos(), angle.sin()), scaling(scale, scale)), shifting(*map(numbers, shift)))

    def picture(across, down):
        return np.exp(-((across - 2.5) ** 2 + (down + 1.5) ** 2) / 32) + 0.5 * np.cos(across / 6 + down / 9)

    grid = np.arange(33) - 16.0
    x = torch.tensor(picture(grid[None, :], grid[:, None]))[None, None]
    columns, rows = np.meshgrid(grid - shift[0], grid - shift[1])  # the result shows at a place what was there before the shift
    turn = math.radians(degrees)
    across = 0.9 * (math.cos(turn) * columns - math.sin(turn) * rows)
    down = 0.9 * (math.sin(turn) * columns + math.cos(turn) * rows)
    expected, found = picture(across, down), resampled(x, matrix, FILTERS)[0, 0].numpy()
    inside = (abs(across) < 14) & (abs(down) < 14)
    assert abs(found - expected)[inside].max() < 0.01


def test_a_constant_stays_constant():
    x, angle = torch.full((1, 1, 7, 7), 0.3, dtype=torch.float64), numbers(1.0)
    far = compose(turning(angle.cos(), angle.sin()), scaling(numbers(9.0), numbers(5.0)))
    torch.testing.assert_close(resampled(x, far, FILTERS), x)


def test_gradients_agree_with_finite_differences_once_and_twice():
    x, angle = images(1, 1, 4, 4).requires_grad_(), numbers(0.5)
    matrix = compose(turning(angle.cos(), angle.sin()), scaling(numbers(0.7), numbers(1.2)))
    assert torch.autograd.gradcheck(lambda x: resampled(x, matrix, FILTERS), x)
    assert torch.autograd.gradgradcheck(lambda x: resampled(x, matrix, FILTERS).pow(3), x)
