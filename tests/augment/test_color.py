"""Colour maps against formulas on pixels, and against what they leave as it is."""

import math

import pytest
import torch

from gan_lab.augment.color import brightened, color_maps, recolored, rotated, stretched

ONE = torch.ones(1, dtype=torch.float64)


def images(channels):
    return torch.rand(1, channels, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1


def mapped(x, *due, u=(0.1, 0.75), z=(2.0, -1.0, 1.5)):
    """The image after the transforms at these numbers."""
    flags = torch.tensor([[i in due for i in range(5)]])
    return recolored(x, color_maps(flags, torch.tensor([u]).to(x), torch.tensor([z]).to(x), x.shape[1]))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_each_is_its_formula_on_any_number_of_channels(channels):
    x = images(channels)
    grey = x.mean(1, keepdim=True)
    torch.testing.assert_close(mapped(x), x, rtol=0, atol=1e-15)
    torch.testing.assert_close(mapped(x, 0), x + 0.4)
    torch.testing.assert_close(mapped(x, 1), x * 2**-0.5)
    torch.testing.assert_close(mapped(x, 2), x - 2 * grey)
    torch.testing.assert_close(mapped(x, 2, u=(0.5, 0.0)), x)  # in half of the cases
    torch.testing.assert_close(mapped(x, 4), grey + (x - grey) * 2**1.5)
    if channels != 3:
        torch.testing.assert_close(mapped(x, 3), x)


def test_a_hue_turns_colours_about_grey():
    x, third = images(3), ONE * 2 * math.pi / 3
    torch.testing.assert_close(recolored(x, rotated(third)), x[:, [2, 0, 1]])  # red becomes green
    turned = mapped(x, 3)
    torch.testing.assert_close(turned, recolored(x, rotated(ONE * math.pi / 2)))
    torch.testing.assert_close(turned.mean(1), x.mean(1))
    torch.testing.assert_close(turned.norm(dim=1), x.norm(dim=1))
    grey = x.mean(1, keepdim=True)
    torch.testing.assert_close(((turned - grey) * (x - grey)).sum(1), torch.zeros(1, 4, 5, dtype=torch.float64))  # 90 degrees


def test_a_mean_luma_is_kept_by_hue_and_saturation_alone():
    x = images(3)
    kept = [n for n in range(5) if torch.allclose(mapped(x, n).mean(1), x.mean(1))]
    assert kept == [3, 4]


def test_all_together_are_made_in_the_papers_order():
    x = images(3)
    expected = recolored(x, brightened(ONE * 0.4, 3))
    steps = [
        stretched(ONE * 2**-0.5, ONE * 2**-0.5, 3),
        stretched(-ONE, ONE, 3),
        rotated(ONE * math.pi / 2),
        stretched(ONE, ONE * 2**1.5, 3),
    ]
    for step in steps:
        expected = recolored(expected, step)
    torch.testing.assert_close(mapped(x, *range(5)), expected)
