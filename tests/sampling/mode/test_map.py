import numpy as np
import pytest
from sklearn.manifold import TSNE

from gan_lab.errors import InputError
from gan_lab.sampling.mode.map import FeatureMap
from tests.sampling.runs import request


@pytest.mark.parametrize("embedding", ["pca", pytest.param("tsne", marks=pytest.mark.slow)])
def test_points_of_reals_and_samples_lie_beside_the_picture(draw, embedding):
    picture, _ = draw("mode=map", f"embedding={embedding}", "n=40")
    with np.load(picture.with_suffix(".npz")) as arrays:
        points, is_real, labels = (arrays[name] for name in ("points", "is_real", "labels"))
    assert points.shape == (len(is_real), 2) and (~is_real).sum() == 40
    assert set(labels) == {0, 1, 2}
    assert labels[~is_real][:4].tolist() == [0, 1, 2, 0]


def test_too_few_samples_for_the_perplexity_are_refused():
    with pytest.raises(InputError, match=r"embedding.perplexity=30 needs more than 5 samples"):
        FeatureMap(TSNE(perplexity=30)).check(request(n=5))
    with pytest.raises(InputError, match=r"mode=map needs 2 samples or more to set apart, and n=1: give n="):
        FeatureMap(TSNE(perplexity=1)).check(request(n=1))
