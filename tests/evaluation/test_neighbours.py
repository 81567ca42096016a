import torch

from gan_lab.evaluation.neighbours import hits, radii
from tests.evaluation.cases import normal


def test_copies_of_large_features_are_in_balls_of_radius_0():
    x = (20 + normal(40, 512)).float().repeat_interleave(2, 0)
    assert torch.equal(radii(x, 1), torch.zeros(80).double())
    assert torch.equal(hits(x, x, radii(x, 1)), torch.full((80,), 2))


def test_a_ball_holds_its_edge_whichever_way_it_was_measured():
    x = (20 + normal(60, 512)).float()
    assert torch.equal(hits(x, x, radii(x, 3)).sum(), torch.tensor(60 * 4))  # each ball: its centre and three neighbours
