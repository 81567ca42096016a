import pytest
import torch

from gan_lab.sampling.mode.walk import Walk
from gan_lab.sampling.path import Default
from tests.sampling.runs import request


@pytest.mark.parametrize("name", ["dcgan", pytest.param("stylegan2", marks=pytest.mark.slow)])
def test_a_loop_passes_its_stops_and_closes_without_a_jump(name):
    asked = request(name, n=2, steps=6)
    sheet = Walk(Default(), stops=3)(asked)
    loops = sheet.samples.unflatten(0, (2, 18))
    y = asked.labels([0] * 3 + [1] * 3)
    torch.testing.assert_close(loops[:, ::6], asked.gan.generate(asked.latents(range(6)), y).unflatten(0, (2, 3)))
    moves = (loops - loops.roll(-1, 1)).flatten(2).norm(dim=2)  # the last one leads back to the first
    assert sheet.columns == 18 and moves.min() > 0
    assert moves[:, -1].max() < 3 * moves[:, :-1].max()
