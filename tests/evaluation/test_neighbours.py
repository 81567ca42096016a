import pytest
import torch

from gan_lab.evaluation.neighbours import BLOCK, blocks, distance, hits, nearest, radii
from tests.evaluation.cases import normal


def test_copies_of_large_features_are_in_balls_of_radius_0():
    x = (20 + normal(40, 512)).float().repeat_interleave(2, 0)
    assert torch.equal(radii(x, 1), torch.zeros(80).double())
    assert torch.equal(hits(x, x, radii(x, 1)), torch.full((80,), 2))


def test_a_ball_holds_its_edge_whichever_way_it_was_measured():
    x = (20 + normal(60, 512)).float()
    assert torch.equal(hits(x, x, radii(x, 3)).sum(), torch.tensor(60 * 4))  # each ball: its centre and three neighbours


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
    monkeypatch.setattr("gan_lab.evaluation.neighbours.BLOCK", block)
    x, y = normal(30, 5), normal(40, 5, seed=1)
    every = torch.stack([torch.stack([(a - b).norm() for b in y]) for a in x])
    expected = every.sort(1)
    distances, rows = nearest(x, y, k=9)
    assert torch.equal(rows, expected.indices[:, :9])
    assert torch.allclose(distances, expected.values[:, :9], rtol=1e-14)


def test_a_distance_is_the_same_both_ways():
    x, y = normal(50, 300).float(), normal(50, 300, seed=1).float()
    assert torch.equal(distance(x, y), distance(y, x))
