import pytest
import torch
from scipy.stats import wasserstein_distance

from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.metric.sliced_wasserstein import SlicedWasserstein, sliced_wasserstein
from tests.evaluation.cases import Eyes, normal


def judge(x, y, tmp_path, **options):
    (value,) = SlicedWasserstein(**options)(EvalInputs(Features(x), Features(y), None, Eyes(), tmp_path)).values()
    return value


def test_equal_sets_are_at_no_distance_whatever_their_order():
    x = normal(50, 8, seed=0)
    assert sliced_wasserstein(x, x.flip(0), 20) == pytest.approx(0, abs=1e-24)


def test_a_shift_costs_three_times_its_squared_length():
    x, shift = normal(40, 64, seed=0), normal(1, 64, seed=1)
    assert sliced_wasserstein(x, x + shift, 4000) == pytest.approx(3 * shift.square().sum().item(), rel=0.05)


def test_along_one_dimension_it_is_the_transport_of_sorted_points():
    x, y = normal(30, 1, seed=0), 2 * normal(30, 1, seed=1) + 1
    expected = 3 * (x.flatten().sort().values - y.flatten().sort().values).square().mean()
    assert sliced_wasserstein(x, y, 3) == pytest.approx(expected.item())
    assert sliced_wasserstein(x, y, 3) >= 3 * wasserstein_distance(x.flatten(), y.flatten()) ** 2  # W1 <= W2


def test_sets_of_two_sizes_leave_the_global_random_state(tmp_path):
    torch.manual_seed(3)
    state = torch.get_rng_state()
    near = judge(normal(40, 8, seed=0), normal(200, 8, seed=1), tmp_path)
    far = judge(normal(40, 8, seed=0) + 1, normal(200, 8, seed=1), tmp_path)
    assert 0 < near < far
    assert torch.equal(torch.get_rng_state(), state)
