import re

import pytest
import torch
from torch import nn

from gan_lab.adversary.outputs import Outputs, feature_matching, see
from gan_lab.errors import InputError


def draws(*shapes, seed=0):
    g = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=g, dtype=torch.float64) for shape in shapes]


def test_an_example_has_the_mean_of_each_map_summed_over_discriminators():
    one, two = draws((3, 1, 4, 5), (3,))
    found = Outputs([one, two], [[], []]).per_example()
    assert found.tolist() == pytest.approx([(one[i].sum() / 20 + two[i]).item() for i in range(3)])


def test_feature_matching_is_hifi_gans_formula():
    """Eq. 5 of the paper, in its own sums: E[sum_i |D^i(x) - D^i(s)|_1 / N_i], added up over the discriminators."""
    shapes = [(2, 4, 9, 2), (2, 8, 3, 2)], [(2, 4, 7)]
    real, fake = (Outputs([], [draws(*group, seed=seed) for group in shapes]) for seed in (1, 2))
    expected = 0.0
    for of_real, of_fake in zip(real.features, fake.features, strict=True):
        for example in range(2):
            for r, f in zip(of_real, of_fake, strict=True):
                numbers = zip(r[example].flatten().tolist(), f[example].flatten().tolist(), strict=True)
                distance = sum(abs(a - b) for a, b in numbers)
                expected += distance / r[example].numel() / 2
    assert feature_matching(real, fake).item() == pytest.approx(expected, rel=1e-6)


def test_no_gradient_of_feature_matching_reaches_the_reals():
    real, fake = (x.requires_grad_() for x in draws((2, 3), (2, 3)))
    feature_matching(Outputs([], [[real, real * 2]]), Outputs([], [[fake, fake * 2]])).backward()
    assert real.grad is None
    assert fake.grad.abs().sum() > 0


def test_a_discriminator_of_logits_alone_has_no_features_to_match():
    seen = see(nn.Linear(4, 1), torch.zeros(2, 4))
    assert (seen.logits[0].shape, seen.features) == ((2, 1), [[]])
    with pytest.raises(InputError, match="this discriminator hands over none"):
        feature_matching(seen, seen)


def test_anything_else_is_refused_with_what_to_return():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(InputError, match=re.escape("Pair returns a tuple: a discriminator returns a tensor of logits")):
        see(Pair(), torch.zeros(2))
