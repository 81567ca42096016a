import pytest
import torch

from gan_lab.evaluation.inputs import Features
from gan_lab.evaluation.neighbours import BLOCK, blocks, distance, nearest
from tests.evaluation.cases import normal


def test_blocks_are_all_rows_in_float64():
    x = torch.arange(2 * BLOCK + 5).float()[:, None]
    parts = blocks(x)
    assert [len(part) for part in parts] == [BLOCK, BLOCK, 5]
    assert torch.equal(torch.cat(parts), x.double())


def test_distances_of_large_features_are_exact_where_a_matrix_product_is_not():
    x = 20 + normal(60, 2048).float()
    assert torch.cdist(x, x).diagonal().max() > 1e-3  # torch's own, in float32
    assert torch.cdist(x.double(), x.double()).diagonal().max() > 0  # and in float64
    distances, rows = nearest(x, x)
    assert torch.equal(distances[:, 0], torch.zeros(60, dtype=torch.float64))
    assert torch.equal(rows[:, 0], torch.arange(60))


@pytest.mark.parametrize("block", [BLOCK, 7], ids=["one_block", "blocks"])
def test_the_nearest_are_those_of_a_double_loop(monkeypatch, block):
    monkeypatch.setattr("gan_lab.evaluation.metric.BLOCK", block)
    x, y = normal(30, 5), normal(40, 5, seed=1)
    every = torch.stack([torch.stack([(a - b).norm() for b in y]) for a in x])
    expected = every.sort(1)
    distances, rows = nearest(x, y, k=9)
    assert torch.equal(rows, expected.indices[:, :9])
    assert torch.allclose(distances, expected.values[:, :9], rtol=1e-14)


def test_a_distance_is_the_same_both_ways():
    x, y = normal(50, 300).float(), normal(50, 300, seed=1).float()
    assert torch.equal(distance(x, y), distance(y, x))


def test_moments_of_all_images_stand_where_features_are_of_some():
    few = Features(normal(20, 3), all_moments=Features(normal(90, 3)).moments)
    assert (len(few), few.moments.n) == (20, 90)
    assert Features(normal(20, 3)).moments.n == 20


def test_a_class_keeps_its_features_logits_and_label():
    labels = torch.tensor([0, 1, 0])
    features = torch.arange(6.0).view(3, 2)
    some = Features(features, 2 * features, labels).of_class(0)
    assert torch.equal(some.features, features[[0, 2]])
    assert torch.equal(some.logits, 2 * features[[0, 2]])
    assert some.labels.tolist() == [0, 0]
    assert Features(features, labels=labels).of_class(1).logits is None
