import pytest
import torch

from gan_lab.sampling.mode.interpolate import Interpolation
from gan_lab.sampling.path import Default, GreatCircle
from tests.sampling.runs import request


@pytest.mark.parametrize(
    "name", ["dcgan", "stylegan2", pytest.param("points", marks=pytest.mark.slow), pytest.param("cgan", marks=pytest.mark.slow)]
)
def test_a_row_goes_from_one_sample_to_the_next(name):
    asked = request(name, n=2, steps=5)
    sheet = Interpolation(Default())(asked)
    rows = sheet.samples.unflatten(0, (2, 5))
    y = asked.labels([0, 0, 1, 1])
    ends = asked.gan.generate(asked.latents(range(4)), y).unflatten(0, (2, 2))
    torch.testing.assert_close(rows[:, [0, -1]], ends)
    assert sheet.columns == 5
    assert (rows[:, 1:] - rows[:, :-1]).abs().flatten(2).amax(2).min() > 0


def test_styles_and_latents_give_other_ways():
    asked = request("stylegan2", n=1, steps=3)
    w, z = Interpolation(Default())(asked), Interpolation(GreatCircle())(asked)
    assert (w.facts["space"], z.facts["space"]) == ("w", "z")
    torch.testing.assert_close(w.samples[[0, 2]], z.samples[[0, 2]])
    assert not torch.allclose(w.samples[1], z.samples[1], atol=1e-4)
