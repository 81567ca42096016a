import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab.data.pixels import to_uint8
from gan_lab.errors import InputError
from gan_lab.sampling.mode.neighbours import NearestTrainingImages
from gan_lab.sampling.run import TrainedRun
from gan_lab.training import checkpoint
from tests.sampling.runs import request


def test_distances_are_those_of_features_to_the_nearest_of_all_training_images(draw):
    picture, facts = draw("mode=neighbours", "n=2", "mode.k=3")
    gan, made_by = checkpoint.load("run")
    run = TrainedRun(checkpoint.find("run"), made_by, {}, [], torch.device("cpu"), 50)
    reals = torch.cat([run.extractor(images)[0] for images, _ in run.reals().batches(range(len(run.reals())), 50)])
    nearest = torch.cdist(run.extractor(to_uint8(gan.sample(2, seed=0)))[0].double(), reals.double()).topk(3, largest=False)
    np.testing.assert_allclose(facts["distances"], nearest.values, rtol=1e-5)
    assert facts["rows"] == nearest.indices.tolist()
    assert facts["training_images"] == len(reals) > 3
    assert Image.open(picture).width > 300


def test_points_are_refused():
    with pytest.raises(InputError, match="mode=neighbours shows images or texts side by side"):
        NearestTrainingImages().check(request("points"))


@pytest.mark.parametrize(("n", "k"), [(401, 1), (300, 6), (1, 401)])
def test_more_pictures_than_a_figure_shows_are_refused(n, k):
    NearestTrainingImages(k=5).check(request(n=300))
    with pytest.raises(InputError, match=rf"draws n x \(k \+ 1\) pictures, here {n * (k + 1):,}: give a lower n= or mode.k="):
        NearestTrainingImages(k=k).check(request(n=n))
