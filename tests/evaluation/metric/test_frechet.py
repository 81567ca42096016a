import pytest
import torch
from scipy.linalg import sqrtm
from torchmetrics.image.fid import FrechetInceptionDistance

from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.moments import Moments, frechet_distance
from tests.evaluation.cases import case, normal


def distance(fake, real):
    (value,) = Frechet()(case(fake, real)).values()
    return value


def test_the_distance_is_called_after_the_extractor():
    x, y = normal(50, 3), normal(60, 3, seed=1)
    assert Frechet()(case(x, y)) == {"fd_eyes": frechet_distance(Moments.of(x), Moments.of(y))}


def test_distance_of_a_set_to_itself_is_zero():
    real = normal(200, 8)
    assert distance(real, real) == pytest.approx(0, abs=1e-12)


def test_distance_of_a_shift_is_its_squared_length():
    real = normal(200, 3)
    assert distance(real + torch.tensor([3, -4, 12]), real) == pytest.approx(169, rel=1e-12)


def test_distance_of_a_scaling_about_the_mean():
    offset = normal(100, 4)
    offset = torch.cat([offset, -offset])  # mean 0
    expected = torch.cov(offset.T).trace().item()  # (2 - 1)^2 tr S
    assert distance(2 * offset, offset) == pytest.approx(expected, rel=1e-12)


def test_distance_of_a_linear_map_that_does_not_commute_with_the_covariance():
    offset = normal(100, 2) * torch.tensor([2, 1])
    offset = torch.cat([offset, -offset])
    p = torch.tensor([[2, 1], [1, 2]]).double()  # symmetric and positive: Y = P X is the optimal map
    excess = p - torch.eye(2)
    expected = (excess @ torch.cov(offset.T) @ excess).trace().item()
    assert distance(offset @ p, offset) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [300, 10], ids=["full_rank", "fewer_samples_than_features"])
def test_distance_agrees_with_scipy(n):
    real, fake = normal(n, 24), 0.5 + 2 * normal(n, 24, seed=1)
    root = sqrtm((torch.cov(real.T) @ torch.cov(fake.T)).numpy())
    expected = (real.mean(0) - fake.mean(0)).square().sum() + torch.cov(real.T).trace() + torch.cov(fake.T).trace()
    assert distance(fake, real) == pytest.approx(expected.item() - 2 * root.trace().real, rel=5e-6)


class Identity(torch.nn.Identity):
    num_features = 16


@pytest.mark.parametrize("n", [200, 17])
def test_torchmetrics_comes_to_the_same(n):
    real, fake = normal(150, 16), 0.3 + 1.5 * normal(n, 16, seed=1)
    theirs = FrechetInceptionDistance(Identity(), normalize=True).set_dtype(torch.float64)
    for features, is_real in ((real, True), (fake, False)):
        theirs.update(features, real=is_real)
    assert distance(fake, real) == pytest.approx(float(theirs.compute()), rel=1e-9)


def test_the_baseline_is_the_distance_of_held_out_reals():
    fake, real, held_out = normal(50, 3), normal(60, 3, seed=1), normal(40, 3, seed=2)
    assert Frechet().baseline(case(fake, real, held_out)) == {"fd_eyes": distance(held_out, real)}
    assert Frechet().baseline(case(fake, real)) == {}
