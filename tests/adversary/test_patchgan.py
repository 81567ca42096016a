import re

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from gan_lab.adversary.patchgan import PatchGAN
from gan_lab.errors import InputError


@pytest.mark.parametrize(("depth", "side"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_a_logit_sees_a_patch_of_the_stated_size(depth, side):
    discriminator = PatchGAN(1, width=2, depth=depth, norm="none")
    for module in discriminator.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1.0)
    x = torch.ones(1, 1, 256, 256, requires_grad=True)
    (logits,) = discriminator(x).logits
    middle = logits.shape[2] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], x)
    rows, columns = gradient[0, 0].nonzero().unbind(1)
    assert [axis.max() - axis.min() + 1 for axis in (rows, columns)] == [side, side]


def test_it_has_the_size_and_the_map_of_the_authors_network():
    discriminator = PatchGAN(6)
    assert sum(weight.numel() for weight in discriminator.parameters()) == 2_768_705
    (logits,), (features,) = discriminator(torch.zeros(1, 6, 256, 256))
    assert logits.shape == (1, 1, 30, 30)
    assert [feature.shape[1] for feature in features] == [64, 128, 256, 512]


@pytest.mark.parametrize("norm", ["batch", "instance", "none", "spectral", "layer"])
def test_every_norm_has_a_gradient_for_every_weight(norm):
    discriminator = PatchGAN(1, width=4, depth=1, norm=norm)
    assert is_parametrized(discriminator.output) == (norm == "spectral")
    discriminator(torch.randn(2, 1, 8, 8)).logits[0].square().sum().backward()
    assert all(weight.grad is not None for weight in discriminator.parameters())


def test_the_smallest_image_passes_and_a_smaller_one_is_refused():
    discriminator = PatchGAN(1, width=2, norm="none")
    assert discriminator(torch.zeros(1, 1, 24, 30)).logits[0].shape == (1, 1, 1, 1)
    with pytest.raises(InputError, match=re.escape("images of 24x24 or more, not of 30x23: give a smaller depth")):
        discriminator(torch.zeros(1, 1, 30, 23))
