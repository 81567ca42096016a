import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp, wasserstein_distance

from gan_lab.evaluation.metric import statistics
from gan_lab.evaluation.metric.statistics import FeatureStatistics
from gan_lab.rng import make_generator
from tests.evaluation.cases import case, normal


def skewed(n, seed):
    """Three features, two of them related, the third with ties."""
    z = normal(n, 3, seed=seed)
    return torch.stack([z[:, 0], z[:, 0] + 0.5 * z[:, 1].exp(), z[:, 2].round()], 1)


def test_values_are_those_of_scipy_and_numpy_for_sets_of_two_sizes(monkeypatch):
    x, y = 1.3 * skewed(200, 0) + 0.2, skewed(310, 1)
    monkeypatch.setattr(statistics, "AT_ONCE", 1000)  # one feature at a time
    values = FeatureStatistics()(case(x, y))
    columns = [(a.numpy(), b.numpy()) for a, b in zip(x.T, y.T, strict=True)]
    difference = np.abs(np.corrcoef(x.T) - np.corrcoef(y.T))
    assert values == pytest.approx({
        "w1_eyes": np.mean([wasserstein_distance(a, b) / b.std() for a, b in columns]),
        "ks_eyes": np.mean([ks_2samp(a, b).statistic for a, b in columns]),
        "correlation_eyes": difference[np.triu_indices(3, 1)].mean(),
    })  # fmt: skip


def test_each_fault_shows_in_its_own_quantity():
    y = skewed(4000, 0)
    shuffled = torch.stack([column[torch.randperm(len(y), generator=make_generator(i))] for i, column in enumerate(y.T)], 1)
    dependence, shift = (FeatureStatistics()(case(x, y)) for x in (shuffled, y + y.std(0, correction=0)))
    assert (dependence["w1_eyes"], dependence["ks_eyes"]) == pytest.approx((0, 0), abs=1e-12)
    assert dependence["correlation_eyes"] > 0.2
    assert shift["w1_eyes"] == pytest.approx(1)
    assert shift["correlation_eyes"] == pytest.approx(0, abs=1e-9)


def test_the_baseline_is_that_of_held_out_reals():
    held_out, reference = skewed(300, 1), skewed(300, 0)
    assert FeatureStatistics().baseline(case(held_out + 5, reference, held_out)) == FeatureStatistics()(
        case(held_out, reference)
    )


def test_constant_features_and_single_ones_have_values_too():
    x, y = normal(50, 2, seed=0), normal(60, 2, seed=1)
    x[:, 1] = y[:, 1] = 3
    values = FeatureStatistics()(case(x, y))
    assert values["ks_eyes"] < 0.5
    assert values["correlation_eyes"] == 0
    assert set(FeatureStatistics()(case(x[:, :1], y[:, :1]))) == {"w1_eyes", "ks_eyes"}
    assert set(FeatureStatistics(max_correlated=1)(case(x, y))) == {"w1_eyes", "ks_eyes"}
    assert FeatureStatistics()(case(torch.ones(5, 1), torch.zeros(4, 1))) == {"w1_eyes": 1, "ks_eyes": 1}
