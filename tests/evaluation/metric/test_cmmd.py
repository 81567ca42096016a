import math

import numpy as np
import pytest
import torch

from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.metric.cmmd import CMMD, cmmd
from tests.evaluation.cases import Eyes, case, normal


def by_the_formula(x, y, sigma=10.0):
    """1000 times the biased estimate, from the whole kernel matrices by their inner products."""

    def kernel(a, b):
        squares = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2 * a @ b.T
        return np.exp(-squares / (2 * sigma**2)).mean()

    return 1000 * (kernel(x, x) + kernel(y, y) - 2 * kernel(x, y))


@pytest.mark.parametrize("scale", [0.1, 1, 10], ids=["near_linear", "usual", "far_apart"])
@pytest.mark.parametrize("m", [40, 25])
def test_it_is_that_of_the_whole_kernel_matrices(scale, m):
    x, y = scale * normal(40, 12), scale * (0.5 + normal(m, 12, seed=1))
    assert cmmd(x, y) == pytest.approx(by_the_formula(x.numpy(), y.numpy()), rel=1e-8)


def test_blocks_and_order_change_nothing(monkeypatch):
    x, y = 5 * normal(40, 6), 5 * normal(30, 6, seed=1)
    expected = cmmd(x, y)
    monkeypatch.setattr("gan_lab.evaluation.neighbours.BLOCK", 7)
    assert cmmd(x.flip(0), y) == pytest.approx(expected, rel=1e-9)
    assert cmmd(y, x) == pytest.approx(expected, rel=1e-9)


def test_equal_sets_are_at_no_distance():
    x = 20 + 5 * normal(50, 300).float()
    assert cmmd(x, x) == 0
    assert 0 <= cmmd(x, x.flip(0)) < 1e-9


@pytest.mark.parametrize("sigma", [1.0, 10.0])
def test_two_points_are_as_far_as_the_kernel_of_their_distance_says(sigma):
    x, y = torch.zeros(4, 3), torch.tensor([3.0, 0, 4]).repeat(7, 1)
    expected = 2000 * (1 - math.exp(-25 / (2 * sigma**2)))
    assert cmmd(x, y, sigma) == pytest.approx(expected, rel=1e-12)
    assert cmmd(x, y, sigma, scale=1) == pytest.approx(expected / 1000, rel=1e-12)


def test_on_rows_of_length_1_it_is_ten_times_the_squared_distance_of_the_means():
    x, y = (torch.nn.functional.normalize(shift + normal(200, 16, seed=seed)) for seed, shift in enumerate((0.5, 0)))
    assert cmmd(x, y) == pytest.approx(10 * float((x.mean(0) - y.mean(0)).square().sum()), rel=0.02)


def test_features_many_sigma_apart_say_nothing():
    x = 1000 * normal(50, 12)
    for y in (1000 * normal(20, 12, seed=1), 1000 + 3000 * normal(20, 12, seed=2)):
        assert cmmd(x, y) == pytest.approx(1000 * (1 / 50 + 1 / 20), rel=1e-9)


def test_equal_distributions_read_the_bias_of_the_estimate():
    pairs = [(6 * normal(40, 8, seed=seed), 6 * normal(60, 8, seed=100 + seed)) for seed in range(20)]
    mean_kernel = (1 + 2 * 36 / 100) ** -4  # of normal features: (1 + 2 std² / sigma²)^(-d / 2)
    expected = 1000 * (1 / 40 + 1 / 60) * (1 - mean_kernel)
    assert np.mean([cmmd(*pair) for pair in pairs]) == pytest.approx(expected, rel=0.1)


def test_the_metric_is_named_after_the_extractor_and_knows_the_reals():
    x, reference, reals = (3 * normal(20, 5, seed=seed) for seed in range(3))
    inputs, metric = case(x, reference, reals), CMMD(sigma=4)
    assert metric.quantities(Eyes()) == {"cmmd_eyes": Quantity("min", "1/1000")}
    assert metric(inputs) == {"cmmd_eyes": cmmd(x, reference, 4)}
    assert metric.baseline(inputs) == {"cmmd_eyes": cmmd(reals, reference, 4)}
    assert metric.baseline(case(x, reference)) == {}
