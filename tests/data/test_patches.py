from itertools import product

import pytest
import torch
from sklearn.datasets import load_sample_images

from gan_lab.data.patches import patches
from gan_lab.errors import InputError


@pytest.mark.parametrize(("split", "columns"), [("train", slice(None, 320)), ("held_out", slice(320, None))])
def test_crops_are_places_of_the_half_of_their_split(split, columns):
    halves = [torch.tensor(image[:, columns]).permute(2, 0, 1) for image in load_sample_images().images]
    places = list(product(halves, range(427 - 316 + 1), range(320 - 316 + 1)))
    for crop in patches(split, 2, 316, 0).images:
        assert any(torch.equal(half[:, y : y + 316, x : x + 316], crop) for half, y, x in places)


def test_a_crop_is_a_function_of_seed_and_index():
    few, many, other = (patches("train", n, 16, seed).images for n, seed in ((5, 1), (9, 1), (5, 2)))
    assert few.shape == (5, 3, 16, 16) and few.dtype == torch.uint8
    assert torch.equal(few, many[:5])
    assert not torch.equal(few, other)


def test_a_crop_that_does_not_fit_is_refused():
    assert patches("train", 1, 320, 0).images.shape == (1, 3, 320, 320)
    with pytest.raises(
        InputError, match=r"^data\.image_size=321 is larger than half of a photograph, 320 pixels: use up to 320"
    ):
        patches("train", 1, 321, 0)
