import pytest
from prdc import compute_prdc

from gan_lab.evaluation.metric.density_coverage import DensityCoverage
from tests.evaluation.cases import case, normal


def judge(fake, real, k=5):
    return DensityCoverage(k)(case(fake, real))


@pytest.mark.parametrize(("n", "std"), [(200, 1), (300, 0.5), (150, 2)])
def test_the_authors_come_to_the_same(n, std):
    fake, real = normal(n, 16, std=std), normal(250, 16, seed=1)
    theirs = compute_prdc(real.numpy(), fake.numpy(), nearest_k=5)
    assert judge(fake, real) == pytest.approx({name: theirs[name] for name in ("density", "coverage")}, rel=1e-9)


def test_an_outlier_among_the_reals_does_not_make_noise_dense():
    real = normal(200, 8)
    real[0] += 100  # its ball holds the whole space between
    noise = 50 + normal(200, 8, seed=1)
    assert judge(noise, real)["density"] <= 0.2 + 1e-9


def test_a_collapse_is_dense_and_covers_little():
    found = judge(normal(1, 8).repeat(200, 1), normal(200, 8))
    assert found["coverage"] < 0.2
