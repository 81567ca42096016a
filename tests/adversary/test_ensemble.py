import pytest
import torch
from torch import nn

from gan_lab.adversary.ensemble import Ensemble, MultiScale, halved
from gan_lab.adversary.patchgan import PatchGAN


def test_all_of_an_ensemble_see_the_same_input_and_their_outputs_stand_in_order():
    one, two = PatchGAN(1, 2, 1, "none"), nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    x = torch.randn(2, 1, 8, 8)
    logits, features = Ensemble(Ensemble(one), two)(x)
    torch.testing.assert_close(logits, [one(x).logits[0], two(x)])
    assert [len(layers) for layers in features] == [2, 0]


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 3, 16)])
def test_each_scale_sees_half_the_resolution_of_the_one_before(shape):
    scales = MultiScale(nn.Identity(), nn.Identity(), nn.Identity())
    x = torch.randn(shape)
    torch.testing.assert_close(scales(x).logits, [x, halved(x), halved(halved(x))])


def test_positions_outside_do_not_darken_an_image():
    assert torch.equal(halved(torch.ones(1, 1, 8, 8)), torch.ones(1, 1, 4, 4))
    assert halved(torch.ones(1, 1, 8)).flatten().tolist() == [0.5, 1, 1, 1, 0.5]  # nor, in the authors' code, a signal


def test_pooling_averages_neighbours():
    x = torch.arange(64.0).view(1, 1, 8, 8)
    assert halved(x)[0, 0, 1, 2] == x[0, 0, 1:4, 3:6].mean()
