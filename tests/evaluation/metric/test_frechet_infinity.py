import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.metric.frechet_infinity import FrechetInfinity, intercept
from tests.evaluation.cases import case, normal


def test_a_line_is_recovered_and_leaves_nothing():
    n = torch.linspace(200, 5000, 15).double()
    value, residual = intercept(1 / n, 0.75 + 130 / n)
    assert value == pytest.approx(0.75, rel=1e-12)
    assert residual < 1e-12


def test_what_is_no_line_leaves_something():
    x = torch.tensor([0.0, 1.0, 2.0, 3.0]).double()
    value, residual = intercept(x, 1 + 2 * x + torch.tensor([1, -1, -1, 1]))  # orthogonal to both columns
    assert value == pytest.approx(1)
    assert residual == pytest.approx(1)


def test_it_is_nearer_to_the_truth_than_the_distance_of_all_samples():
    x, y = normal(800, 30), 1.2 * normal(20_000, 30, seed=1)
    truth = 0.04 * 30
    found = FrechetInfinity()(case(x, y))
    assert abs(found["fd_eyes_infinity"] - truth) < abs(Frechet()(case(x, y))["fd_eyes"] - truth) / 2
    assert 0 < found["fd_eyes_infinity_residual"] < 0.1


def test_the_seed_decides_it_and_the_global_random_state_stays():
    x, y = normal(100, 5), normal(100, 5, seed=1)
    torch.rand(1)
    state = torch.get_rng_state()
    first, again, other = (FrechetInfinity()(case(x, y, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert first == again != other


@pytest.mark.parametrize(
    ("n", "d", "least"),
    [(50_000, 2048, 5000), (10_000, 2048, 4096), (5000, 2048, 2500), (2000, 64, 200), (1000, 64, 128), (4, 64, 2), (3, 1, 2)],
)
def test_the_fewest_samples_are_above_the_features_where_there_are_enough(n, d, least):
    sizes = FrechetInfinity(points=5).sizes(n, d)
    assert (sizes[0], sizes[-1], len(sizes)) == (least, n, 5)
    assert sizes == sorted(sizes)


def test_the_fewest_samples_may_be_given():
    assert FrechetInfinity(points=3, least=20).sizes(100, 2048) == [20, 60, 100]


@pytest.mark.parametrize(("n", "least"), [(20, 20), (10, 20), (2, None), (10, 1)])
def test_a_line_needs_a_range(n, least):
    with pytest.raises(InputError, match=f"{n} samples are too few for a line from metric.frechet_infinity.least="):
        FrechetInfinity(least=least)(case(normal(n, 2), normal(30, 2)))


def test_a_line_needs_points():
    with pytest.raises(InputError, match=r"metric\.frechet_infinity\.points=2 makes no line: use 3 or more"):
        FrechetInfinity(points=2)
