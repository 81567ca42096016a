import numpy as np
import pytest
from PIL import Image

from gan_lab.errors import InputError
from gan_lab.sampling.mode.neighbours import NearestTrainingImages
from gan_lab.training import checkpoint
from tests.sampling.runs import request


def test_distances_rise_and_are_those_of_pixels(draw):
    picture, facts = draw("mode=neighbours", "n=2", "mode.k=3")
    distances = np.array(facts["distances"])
    assert distances.shape == np.array(facts["rows"]).shape == (2, 3)
    assert (np.diff(distances, axis=1) >= 0).all() and distances.min() > 0
    assert facts["training_images"] > 3
    gan, made_by = checkpoint.load("run")
    assert Image.open(picture).width > 300
    assert gan.sample(2).shape[1:] == (1, 8, 8)


def test_points_are_refused():
    with pytest.raises(InputError, match="mode=neighbours shows images or texts side by side"):
        NearestTrainingImages().check(request("points"))
