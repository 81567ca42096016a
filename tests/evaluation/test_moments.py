import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torchmetrics.image.fid import FrechetInceptionDistance

from gan_lab.errors import InputError
from gan_lab.evaluation.moments import Moments, Sums, frechet_distance, merged
from tests.evaluation.cases import normal

SIZES = pytest.mark.parametrize("n", [200, 10], ids=["more_samples_than_features", "fewer"])
D = 24


def tolerance(n):
    """Of a distance, in shares of it."""
    return 1e-12 if n > D else 1e-9


def features(n, seed=0, d=D):
    """Correlated features (n, d) whose spectrum decays, far from the origin."""
    mix = normal(d, d, seed=99) / d**0.5
    return 3 + normal(n, d, seed) * torch.arange(1, d + 1) ** -0.5 @ mix


def fd(x, y):
    return frechet_distance(Moments.of(x), Moments.of(y))


def positive(d):
    """A symmetric positive matrix (d, d) that does not commute with the covariance of `features`."""
    root = normal(d, d, seed=7) / d**0.5
    return root @ root.T + 0.1 * torch.eye(d)


def about_mean(x, matrix):
    return (x - x.mean(0)) @ matrix + x.mean(0)


# ----- closed forms ---------------------------------------------------------------------------------------------------


@SIZES
def test_a_set_is_nowhere_but_at_itself(n):
    x = features(n)
    assert fd(x, x) <= tolerance(n) * torch.cov(x.T).trace()


@SIZES
def test_a_shift_costs_its_squared_length(n):
    x, shift = features(n), normal(1, D, seed=3)
    assert fd(x, x + shift) == pytest.approx(shift.square().sum().item(), rel=tolerance(n))


@SIZES
@pytest.mark.parametrize("scale", [0.5, 2])
def test_a_scaling_about_the_mean(n, scale):
    x = features(n)
    expected = (scale - 1) ** 2 * torch.cov(x.T).trace().item()
    assert fd(x, about_mean(x, scale * torch.eye(D).double())) == pytest.approx(expected, rel=tolerance(n))


@SIZES
def test_a_map_that_does_not_commute_with_the_covariance(n):
    x, matrix = features(n), positive(D)
    covariance, excess = torch.cov(x.T), matrix - torch.eye(D)
    assert (matrix @ covariance - covariance @ matrix).norm() > 0.1 * covariance.norm()
    expected = (excess @ covariance @ excess).trace().item()  # the optimal transport of Gaussians is symmetric and positive
    assert fd(x, about_mean(x, matrix)) == pytest.approx(expected, rel=tolerance(n))


@pytest.mark.parametrize(("n", "m"), [(200, 150), (10, 12), (10, 200)])
def test_it_is_symmetric(n, m):
    x, y = features(n), features(m, seed=1)
    assert fd(x, y) == pytest.approx(fd(y, x), rel=tolerance(min(n, m)))


def test_constant_sets():
    assert fd(torch.zeros(5, 8), torch.ones(7, 8)) == 8
    assert fd(torch.ones(5, 8), torch.ones(7, 8)) == 0
    x = features(100)
    expected = (x.mean(0) - 3).square().sum() + torch.cov(x.T).trace()
    assert fd(torch.full((50, D), 3), x) == pytest.approx(expected.item(), rel=1e-12)


def test_known_gaussians_within_sampling_error():
    assert fd(normal(100_000, 4), 1 + 2 * normal(100_000, 4, seed=1)) == pytest.approx(8, rel=0.02)


def test_a_feature_that_is_no_number_leaves_none():
    x = features(50)
    x[0, 0] = torch.nan
    with pytest.raises((ValueError, RuntimeError)):
        fd(x, features(50))


# ----- beside other tools ---------------------------------------------------------------------------------------------


class Identity(torch.nn.Module):
    num_features = D

    def forward(self, x):
        return x


def torchmetrics_distance(x, y):
    metric = FrechetInceptionDistance(feature=Identity(), normalize=True)
    metric.update(x, real=True)
    metric.update(y, real=False)
    return metric.compute().item()


def torch_fidelity_distance(x, y):
    stats = [{"mu": z.mean(0).numpy(), "sigma": np.cov(z.numpy(), rowvar=False)} for z in (x, y)]
    return fid_statistics_to_metric(*stats, verbose=False)["frechet_inception_distance"]


@SIZES
@pytest.mark.parametrize("theirs", [torchmetrics_distance, torch_fidelity_distance])
def test_others_come_to_the_same(n, theirs):
    x, y = features(n), 1.1 * features(n + 3, seed=1)
    assert fd(x, y) == pytest.approx(theirs(x, y), rel=5e-6)


def test_with_few_samples_it_is_nearer_to_the_singular_values_of_the_features():
    x, y = features(9, d=200), features(10, seed=1, d=200)
    a, b = x - x.mean(0), y - y.mean(0)
    root = torch.linalg.svdvals(a @ b.T).sum() / (8 * 9) ** 0.5
    expected = (x.mean(0) - y.mean(0)).square().sum() + torch.cov(x.T).trace() + torch.cov(y.T).trace() - 2 * root
    assert fd(x, y) == pytest.approx(expected.item(), rel=1e-12)
    assert abs(torch_fidelity_distance(x, y) / expected.item() - 1) > 1e-11


@pytest.mark.parametrize("decay", [1, 2, 4])
@pytest.mark.parametrize(("n", "m"), [(200, 300), (200, 30), (30, 200)])
def test_variances_that_differ_much_cost_no_digits(decay, n, m):
    scale = torch.arange(1, 65).double() ** (-decay / 2)
    turn = torch.linalg.qr(normal(64, 64, seed=9)).Q
    x, y = (normal(size, 64, seed=size) * scale @ turn for size in (n, m))
    a, b = (torch.linalg.qr(z - z.mean(0)).R / (len(z) - 1) ** 0.5 for z in (x, y))
    expected = (
        (x.mean(0) - y.mean(0)).square().sum() + a.square().sum() + b.square().sum() - 2 * torch.linalg.svdvals(a @ b.T).sum()
    )
    assert fd(x, y) == pytest.approx(expected.item(), rel=1e-10)


# ----- in parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 64, 200])
def test_the_size_of_a_batch_changes_nothing(size):
    x, sums = features(200), Sums(D)
    for part in x.split(size):
        sums.add(part)
    found = sums.moments()
    assert found.n == 200
    assert torch.allclose(found.mean, x.mean(0), rtol=1e-14)
    assert torch.allclose(found.covariance, torch.cov(x.T), rtol=1e-12, atol=1e-15)


def test_batches_may_come_in_one_buffer():
    x, sums, buffer = features(60), Sums(D), torch.empty(20, D).double()
    for part in x.split(20):
        sums.add(buffer.copy_(part))
    assert torch.allclose(sums.moments().covariance, torch.cov(x.T), rtol=1e-12, atol=1e-15)


def test_a_mean_far_from_0_costs_no_digits():
    x = normal(500, 3)
    far = Moments.of(1e6 + x).covariance
    assert torch.allclose(far, torch.cov((1e6 + x).T), rtol=1e-9, atol=1e-9)
    assert torch.allclose(far, torch.cov(x.T), rtol=1e-7, atol=1e-7)  # what 1e6 + x itself has lost


def test_float32_features_add_up_in_float64():
    x = features(3000).float()
    assert Moments.of(x).covariance.dtype == torch.float64
    assert torch.allclose(Moments.of(x).covariance, torch.cov(x.double().T), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("sizes", [[100, 100], [2, 150, 48], [200]])
def test_parts_merge_into_the_whole(sizes):
    x = features(200)
    found = merged([Moments.of(part) for part in x.split(sizes)])
    assert found.n == 200
    assert torch.allclose(found.mean, x.mean(0), rtol=1e-14)
    assert torch.allclose(found.covariance, torch.cov(x.T), rtol=1e-12, atol=1e-15)


def test_a_factor_gives_the_covariance_and_has_its_rank():
    moments = Moments.of(features(10))
    assert moments.factor.shape == (D, 9)
    assert torch.allclose(moments.factor @ moments.factor.T, moments.covariance, rtol=1e-9, atol=1e-12)
    assert moments.factor is moments.factor  # it is kept
    assert Moments.of(torch.ones(5, 3)).factor.shape == (3, 0)


@pytest.mark.parametrize(("n", "kept"), [(D - 1, True), (D, False)])
def test_features_are_kept_where_they_are_fewer_than_their_numbers(n, kept):
    x = features(n)
    centred = Moments.of(x).centred
    assert (centred is not None) == kept
    assert not kept or torch.allclose(centred, x - x.mean(0), atol=1e-14)


def test_nothing_draws_or_changes_what_is_given():
    x, y = features(30), features(30, seed=1)
    state, before = torch.get_rng_state(), x.clone()
    fd(x, y)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, before)


# ----- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_images(n):
    with pytest.raises(InputError, match=f"a covariance needs 2 images or more, not {n}"):
        Moments.of(features(n))


def test_features_of_two_extractors():
    with pytest.raises(InputError, match="features of 3 and of 4 numbers do not compare: use one extractor for both"):
        fd(normal(9, 3), normal(9, 4))
