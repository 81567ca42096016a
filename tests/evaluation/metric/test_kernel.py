import statistics

import pytest
import torch
from torch_fidelity.metric_kid import kernel_mmd

from gan_lab.evaluation.metric.kernel import Kernel, kernel_distance
from gan_lab.rng import make_generator
from tests.evaluation.cases import case, normal


def kernel(a, b):
    return float(a @ b / len(a) + 1) ** 3


def brute_force(x, y):
    n, m = len(x), len(y)
    within = [sum(kernel(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j) for z in (x, y)]
    between = sum(kernel(a, b) for a in x for b in y)
    return within[0] / n / (n - 1) + within[1] / m / (m - 1) - 2 * between / n / m


@pytest.mark.parametrize("m", [20, 13])
def test_it_is_that_of_a_double_loop(m):
    x, y = normal(20, 4), 0.3 + normal(m, 4, seed=1)
    assert kernel_distance(x, y) == pytest.approx(brute_force(x, y), rel=1e-12)


def test_torch_fidelity_comes_to_the_same():
    x, y = normal(80, 16), 0.3 + normal(80, 16, seed=1)
    theirs = kernel_mmd(x.numpy(), y.numpy(), kid_kernel="poly")
    assert kernel_distance(x, y) == pytest.approx(float(theirs), rel=1e-9)


def test_blocks_change_nothing(monkeypatch):
    x, y = normal(50, 4), 0.3 + normal(40, 4, seed=1)
    expected = kernel_distance(x, y)
    monkeypatch.setattr("gan_lab.evaluation.neighbours.BLOCK", 7)
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-12)


def test_it_is_symmetric():
    x, y = normal(50, 4), 0.3 + normal(40, 4, seed=1)
    assert kernel_distance(x, y) == pytest.approx(kernel_distance(y, x), rel=1e-12)


def test_it_is_unbiased():
    found = torch.tensor([kernel_distance(normal(30, 4, seed=s), normal(20, 4, seed=1000 + s)) for s in range(300)])
    assert found.min() < 0 < found.max()
    assert abs(found.mean()) < 3 * found.std() / 300**0.5


def test_the_same_set_twice_reads_below_0_and_another_above():
    x = normal(200, 4)
    assert -0.1 < kernel_distance(x, x) < 0
    assert kernel_distance(x, 2 * x) > 1


def test_parts_are_cut_to_the_smaller_set_and_say_how_sure_the_value_is():
    x, y = normal(60, 4), 0.3 + normal(50, 4, seed=1)
    found = Kernel(subsets=10, subset_size=1000)(case(x, y))
    assert set(found) == {"kd_eyes", "kd_eyes_std"}
    assert found["kd_eyes"] == kernel_distance(x, y)
    assert found["kd_eyes_std"] > 0
    whole = Kernel(subsets=10)(case(x, normal(60, 4, seed=1)))
    assert whole["kd_eyes_std"] < 1e-12  # every part is the whole set


def test_the_deviation_is_that_of_the_values_of_all_pairs_of_parts():
    x, y, draws = normal(60, 4), 0.3 + normal(50, 4, seed=1), make_generator(0)
    pairs = [[z[torch.randperm(len(z), generator=draws)[:50]] for z in (x, y)] for _ in range(3)]
    expected = statistics.pstdev(kernel_distance(*pair) for pair in pairs)
    assert Kernel(3, 1000)(case(x, y))["kd_eyes_std"] == pytest.approx(expected, rel=1e-9)


def test_larger_parts_are_surer():
    x, y = normal(400, 4), 0.3 + normal(400, 4, seed=1)
    small, large = (Kernel(20, size)(case(x, y))["kd_eyes_std"] for size in (20, 200))
    assert large < small / 2


def test_the_seed_decides_the_parts_and_the_global_random_state_stays():
    x, y = normal(60, 4), normal(50, 4, seed=1)
    torch.rand(1)
    state = torch.get_rng_state()
    first, again, other = (Kernel(5, 20)(case(x, y, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert first == again
    assert first["kd_eyes"] == other["kd_eyes"]
    assert first["kd_eyes_std"] != other["kd_eyes_std"]
