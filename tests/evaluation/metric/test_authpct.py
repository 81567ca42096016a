import numpy as np
import pytest
import torch
from sklearn.metrics import pairwise_distances

from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.metric.authpct import AuthPct, authpct
from tests.evaluation.cases import Eyes, case, normal

TRAIN = normal(150, 8)


def brute_force(x, train):
    """The definition, from both whole matrices, a sample at a time."""
    between, within = pairwise_distances(x, train), pairwise_distances(train)
    np.fill_diagonal(within, np.inf)
    authentic = [row.min() > within[row.argmin()].min() for row in between]
    return 100 * np.mean(authentic)


@pytest.mark.parametrize(("std", "shift"), [(1, 0), (0.5, 0), (1.5, 0.2)])
def test_it_is_that_of_the_whole_matrices(std, shift):
    x = shift + normal(90, 8, seed=1, std=std)
    found = authpct(x, TRAIN)
    assert found == pytest.approx(brute_force(x.numpy(), TRAIN.numpy()), rel=1e-12)
    assert 5 < found < 95


def test_blocks_change_nothing(monkeypatch):
    x = normal(90, 8, seed=1)
    expected = authpct(x, TRAIN)
    monkeypatch.setattr("gan_lab.evaluation.neighbours.BLOCK", 13)
    assert authpct(x, TRAIN) == expected


def test_copies_score_0_and_far_samples_100():
    assert authpct(TRAIN[:40], TRAIN) == 0
    assert authpct(TRAIN[:40] + 1e-3, TRAIN) == 0
    assert authpct(TRAIN[:40] + 100, TRAIN) == 100
    assert authpct(torch.cat([TRAIN[:10], TRAIN[:30] + 100]), TRAIN) == 75


def test_copies_of_large_float32_features_score_0():
    train = (20 + normal(100, 2048)).float()
    assert authpct(train[:40], train) == 0


def test_a_training_image_that_is_there_twice_takes_only_its_equals_for_copies():
    twice = torch.cat([TRAIN, TRAIN])
    assert authpct(TRAIN, twice) == 0
    assert authpct(TRAIN + 1e-3, twice) == 100


def test_fresh_samples_of_the_data_score_what_held_out_reals_score():
    train, held_out, fresh = (normal(1000, 8, seed=seed) for seed in range(3))
    assert authpct(fresh, train) == pytest.approx(authpct(held_out, train), abs=6)
    assert 50 < authpct(fresh, train) < 75


def test_the_metric_is_named_after_the_extractor_and_knows_the_reals():
    x, reals, metric = normal(40, 8, seed=1), normal(30, 8, seed=2), AuthPct()
    inputs = case(x, TRAIN, reals)
    assert metric.quantities(Eyes()) == {"authpct_eyes": Quantity("max", "%")}
    assert metric(inputs) == {"authpct_eyes": authpct(x, TRAIN)}
    assert metric.baseline(inputs) == {"authpct_eyes": authpct(reals, TRAIN)}
    assert metric.baseline(case(x, TRAIN)) == {}
