import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.preprocessing import normalize

from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.metric.vendi import Vendi, vendi_score
from tests.evaluation.cases import Eyes, case, normal


def exp_entropy(kernel):
    """The definition: from all eigenvalues of the whole N x N matrix."""
    eigenvalues = scipy.linalg.eigvalsh(kernel / len(kernel))
    positive = eigenvalues[eigenvalues > 0]
    return np.exp(-(positive * np.log(positive)).sum())


@pytest.mark.parametrize(("n", "d"), [(60, 8), (20, 50), (30, 30)])
def test_it_is_that_of_the_whole_cosine_matrix(n, d):
    x = 0.5 + normal(n, d)
    rows = normalize(x.numpy())
    assert vendi_score(x) == pytest.approx(exp_entropy(rows @ rows.T), rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(60, 8), (20, 50)])
def test_the_polynomial_kernel_is_that_of_dgm_eval_divided_by_its_diagonal(n, d):
    x = 0.5 + normal(n, d)
    kernel = polynomial_kernel(normalize(x.numpy()), degree=3, coef0=1)  # gamma is 1 / d, as KID has it
    diagonal = (1 + 1 / d) ** 3
    found = vendi_score(x, degree=3, offset=d)
    assert found == pytest.approx(exp_entropy(kernel / diagonal), rel=1e-9)
    undivided = np.exp(diagonal * (np.log(found) - np.log(diagonal)))
    assert undivided == pytest.approx(exp_entropy(kernel), rel=1e-9)


def test_an_offset_alone_takes_the_small_matrix_too():
    x = normal(40, 5)
    rows = normalize(x.numpy())
    assert vendi_score(x, offset=0.5) == pytest.approx(exp_entropy((rows @ rows.T + 0.5) / 1.5), rel=1e-9)


@pytest.mark.parametrize("degree", [1, 3])
def test_orthogonal_samples_are_all_different(degree):
    assert vendi_score(3 * torch.eye(7), degree) == pytest.approx(7, rel=1e-12)


@pytest.mark.parametrize("n", [3, 100])
@pytest.mark.parametrize("degree", [1, 3])
@pytest.mark.parametrize("value", [0.3, 0.0])
def test_equal_samples_are_one(n, degree, value):
    assert vendi_score(torch.full((n, 10), value), degree, offset=0.2) == pytest.approx(1, abs=1e-9)
    assert vendi_score(torch.full((n, 10), value), degree) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("n", [1, 100], ids=["wide", "tall"])
def test_groups_count_by_the_entropy_of_their_shares(n):
    shares = torch.tensor([0.5, 0.25, 0.125, 0.125]).double()
    groups = torch.tensor([4, 2, 1, 1]) * n
    features = torch.cat([torch.eye(16), torch.zeros(1, 16)])[[0, 5, 9, 16]]  # the last is black: it has no direction
    expected = float(torch.special.entr(shares).sum().exp())
    assert vendi_score(features.repeat_interleave(groups, 0)) == pytest.approx(expected, rel=1e-9)


def test_lengths_and_blocks_change_nothing(monkeypatch):
    x = normal(50, 6)
    expected = vendi_score(x)
    monkeypatch.setattr("gan_lab.evaluation.neighbours.BLOCK", 7)
    assert vendi_score(x * torch.rand(50, 1).add(0.1)) == pytest.approx(expected, rel=1e-9)


def test_a_large_eigenproblem_is_cut_to_a_random_part_that_leaves_the_global_random_state():
    torch.rand(1)
    state = torch.get_rng_state()
    assert vendi_score(torch.eye(50), max_samples=20) == pytest.approx(20, rel=1e-12)
    halves = torch.eye(2).repeat_interleave(200, 0)
    assert vendi_score(halves, degree=2, max_samples=50) == pytest.approx(2, rel=0.1)  # the first 50 rows are all equal
    assert vendi_score(halves, max_samples=50) == pytest.approx(2, rel=1e-12)  # 2 x 2: nothing is left out
    assert torch.equal(torch.get_rng_state(), state)


def test_it_reads_low_with_few_samples_and_settles_with_many():
    few, many, more = (vendi_score(normal(n, 16)) for n in (16, 1600, 3200))
    assert few < 0.8 * many
    assert many < more < 16
    assert more == pytest.approx(many, rel=0.01)


def test_the_metric_is_named_after_the_extractor_and_knows_the_reals():
    x, reals = normal(40, 5), normal(40, 5, seed=1)
    inputs, metric = case(x, x, reals), Vendi()
    assert metric.quantities(Eyes()) == {"vendi_eyes": Quantity("max", "images")}
    assert metric(inputs) == {"vendi_eyes": vendi_score(x)}
    assert metric.baseline(inputs) == {"vendi_eyes": vendi_score(reals)}
    assert metric.baseline(case(x, x)) == {}
