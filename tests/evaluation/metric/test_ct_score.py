import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.metric.ct_score import CTScore, ct_score, mann_whitney
from tests.evaluation.cases import Eyes, case, normal


def clusters(n, d=6, seed=0):
    """Three groups of n points each, far apart."""
    return torch.cat([20 * torch.eye(d)[group] + normal(n, d, seed=10 * seed + group) for group in range(3)])


TRAIN, HELD_OUT, FRESH = (clusters(n, seed=seed) for seed, n in enumerate((150, 60, 80)))


def z_statistic(fake, unseen, seen):
    """U of the distances, less its mean under the null hypothesis, with continuity correction."""
    neighbours = NearestNeighbors(n_neighbors=1).fit(seen)
    distances = [neighbours.kneighbors(z)[0][:, 0] for z in (fake, unseen)]
    n, m = len(fake), len(unseen)
    u = mannwhitneyu(*distances, alternative="less").statistic
    return (u - (n * m / 2 - 0.5)) / np.sqrt(n * m * (n + m + 1) / 12)


def by_the_paper(x, train, held_out, cells=3, components=64):
    """C_T by scikit-learn and SciPy, after the paper and the settings of dgm-eval."""
    sets = [z.numpy() for z in (x, train, held_out)]
    if train.shape[1] > components:
        projection = PCA(components, svd_solver="full").fit(sets[1])
        sets = [projection.transform(z) for z in sets]
    partition = KMeans(cells, n_init=10, random_state=0).fit(sets[1])
    where = [partition.predict(z) for z in sets]
    shares, values = [], []
    for cell in range(cells):
        fake, seen, unseen = (z[labels == cell] for z, labels in zip(sets, where, strict=True))
        if len(fake) / len(x) > 20 / len(x):
            shares.append(len(unseen) / len(held_out))
            values.append(z_statistic(fake, unseen, seen))
    return np.dot(shares, values) / np.sum(shares)


@pytest.mark.parametrize(("x", "y"), [((3, 1, 2), (2, 2, 5, 0)), ((1, 1), (1, 1, 1)), ((4, 5, 6, 7), (1, 2, 3))])
def test_the_z_statistic_counts_ties_by_half(x, y):
    n, m = len(x), len(y)
    exceeded = sum((a > b) + (a == b) / 2 for a in x for b in y)
    expected = (exceeded - n * m / 2 + 0.5) / (n * m * (n + m + 1) / 12) ** 0.5
    assert mann_whitney(torch.tensor(x), torch.tensor(y)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("std", [0.7, 1, 1.4])
@pytest.mark.parametrize(("d", "components"), [(6, 64), (90, 64), (20, 5)])
def test_it_is_that_of_the_paper(d, components, std):
    x, train, held_out = std * clusters(80, d, 2), clusters(150, d), clusters(60, d, 1)
    found = ct_score(x, train, held_out, components=components)
    assert found == pytest.approx(by_the_paper(x, train, held_out, components=components), rel=1e-9)


def test_one_cell_is_the_statistic_of_all_samples():
    assert ct_score(FRESH, TRAIN, HELD_OUT, cells=1) == pytest.approx(z_statistic(FRESH, HELD_OUT, TRAIN), rel=1e-9)


def test_copies_read_far_below_0_poor_samples_far_above_and_fresh_ones_about_0():
    copies, near = TRAIN[::2], TRAIN[::2] + 0.1 * normal(225, 6, seed=5)
    assert ct_score(near, TRAIN, HELD_OUT) < -8
    assert ct_score(copies, TRAIN, HELD_OUT) <= ct_score(near, TRAIN, HELD_OUT)
    assert ct_score(FRESH + 2, TRAIN, HELD_OUT) > 8
    fresh = [ct_score(clusters(50, seed=seed), TRAIN, clusters(50, seed=seed + 100)) for seed in range(3, 33)]
    assert abs(np.mean(fresh)) < 0.4
    assert max(map(abs, fresh)) < 3


def test_copies_are_found_in_their_own_cell():
    few = torch.cat([TRAIN[:75], FRESH[80:]])  # the first of three groups is copied
    assert -6 < ct_score(few, TRAIN, HELD_OUT) < -2
    assert ct_score(TRAIN[:75], TRAIN, HELD_OUT) < -8  # the two cells that no sample reaches do not count


def test_a_cell_counts_from_the_twenty_first_sample_and_with_held_out_reals():
    assert ct_score(FRESH[:20], TRAIN, HELD_OUT) is None
    assert ct_score(FRESH[:21], TRAIN, HELD_OUT) is not None
    assert ct_score(FRESH[:80], TRAIN, HELD_OUT[60:]) is None
    assert ct_score(FRESH, TRAIN, HELD_OUT[60:]) == pytest.approx(ct_score(FRESH[80:], TRAIN, HELD_OUT[60:]), rel=1e-12)


def test_the_smallest_number_of_samples_fills_a_cell_wherever_they_fall():
    metric = CTScore(cells=3, min_in_cell=20)
    spread = torch.cat([FRESH[:20], FRESH[80:100], FRESH[160:181]])
    assert len(spread) == metric.min_samples == 61
    assert metric(case(spread, TRAIN, HELD_OUT))
    assert metric(case(spread[:-1], TRAIN, HELD_OUT)) == {}


def test_float32_features_give_the_same_and_the_global_random_states_stay():
    torch.rand(1)
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    found = ct_score(FRESH.float(), TRAIN.float(), HELD_OUT.float())
    assert found == pytest.approx(ct_score(FRESH, TRAIN, HELD_OUT), abs=1e-3)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


def test_the_metric_is_named_after_the_extractor_and_its_baseline_is_one_half_of_the_reals_beside_the_other():
    inputs, metric = case(TRAIN[::2], TRAIN, HELD_OUT), CTScore()
    assert metric.quantities(Eyes()) == {"ct_eyes": Quantity(None, "z")}
    assert metric(inputs) == {"ct_eyes": ct_score(TRAIN[::2], TRAIN, HELD_OUT)}
    assert metric.baseline(inputs) == {"ct_eyes": ct_score(HELD_OUT[::2], TRAIN, HELD_OUT[1::2])}
    assert abs(metric.baseline(inputs)["ct_eyes"]) < 3
    assert metric(case(FRESH, TRAIN)) == metric.baseline(case(FRESH, TRAIN)) == {}
