import pytest
import torch
from torch_fidelity.metric_prc import calculate_precision_recall_full

from gan_lab.evaluation.metric.density_coverage import DensityCoverage
from gan_lab.evaluation.metric.precision_recall import PrecisionRecall
from tests.evaluation.cases import case, normal

NAMES = ("precision", "recall", "density", "coverage")


def judge(fake, real, k=3):
    """Precision, recall, density, coverage."""
    some = case(fake, real)
    scores = PrecisionRecall(k)(some) | DensityCoverage(k)(some)
    return [scores[name] for name in NAMES]


def by_the_formulas(fake, real, k=3):
    """The same, from all distances at once: Kynkaanniemi 2019, eq. 1 and 2; Naeem 2020, eq. 3 and 4."""
    within = [torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist").sort(1).values[:, k] for z in (real, fake)]
    between = torch.cdist(fake, real, compute_mode="donot_use_mm_for_euclid_dist")
    in_real, in_fake = between <= within[0], within[1] >= between.T
    shares = [in_real.any(1), in_fake.any(1), in_real.sum(1).double() / k, between.min(0).values <= within[0]]
    return [share.double().mean().item() for share in shares]


def modes(*numbers):
    """A hundred points (., 8) around each of these corners."""
    corners = 20 * torch.eye(8).double()
    return torch.cat([corners[number] + normal(100, 8, seed=number) for number in numbers])


@pytest.mark.parametrize(
    ("std", "expected"),
    [(1, [0.886, 0.904, 0.965, 0.861]), (0.5, [0.998, 0.175, 1.764, 0.608]), (2, [0.170, 0.998, 0.087, 0.194])],
    ids=["same", "narrow", "wide"],
)
def test_gaussians_of_8_dimensions(std, expected):
    assert judge(normal(1000, 8, std=std), normal(1000, 8, seed=1)) == pytest.approx(expected, abs=0.045)


def test_a_set_beside_itself_has_all_and_a_far_one_nothing():
    x = normal(100, 8)
    assert judge(x, x)[:2] == [1, 1]
    assert judge(x, x)[3] == 1
    assert judge(x, x)[2] >= 1
    assert judge(x + 100, x) == [0, 0, 0, 0]


def test_half_of_the_modes_are_precise_and_cover_half():
    precision, recall, density, coverage = judge(modes(4, 5, 6, 7), 1e-3 + modes(*range(8)))
    assert precision > 0.8
    assert density > 0.8
    assert recall <= 0.5
    assert coverage <= 0.5


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0, 0.7])
def test_they_are_those_of_the_formulas(k, shift):
    fake, real = shift + normal(80, 6), normal(90, 6, seed=1)
    assert judge(fake, real, k) == pytest.approx(by_the_formulas(fake, real, k), rel=1e-12)


@pytest.mark.parametrize("k", [3, 5])
def test_torch_fidelity_comes_to_the_same(k):
    fake, real = 0.5 + normal(200, 16), normal(150, 16, seed=1)
    assert judge(fake, real, k)[:2] == pytest.approx(calculate_precision_recall_full(fake, real, k), rel=1e-6)


def test_swapped_sets_swap_precision_and_recall():
    fake, real = 0.5 * normal(80, 6), normal(90, 6, seed=1)
    assert judge(fake, real)[:2] == judge(real, fake)[1::-1]


@pytest.mark.parametrize("block", [7, 33])
def test_blocks_change_nothing(monkeypatch, block):
    fake, real = 0.5 + normal(80, 6), normal(90, 6, seed=1)
    expected = judge(fake, real)
    monkeypatch.setattr("gan_lab.evaluation.neighbours.BLOCK", block)
    assert judge(fake, real) == expected


def test_one_image_many_times_is_in_all_balls():
    x = torch.ones(50, 30)
    assert judge(x, x) == [1, 1, 50 / 3, 1]


def test_a_neighbour_must_be_there():
    assert PrecisionRecall(k=4).min_samples == DensityCoverage(k=4).min_samples == 5
