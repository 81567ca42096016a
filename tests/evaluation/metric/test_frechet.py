import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.evaluation.metric import EvalInputs, Features
from gan_lab.evaluation.metric.frechet import Frechet, Infinity, IntraClass, intercept
from gan_lab.evaluation.moments import Moments, frechet_distance
from tests.evaluation.cases import Eyes, case, normal


def test_the_distance_is_called_after_the_extractor():
    x, y = normal(50, 3), normal(60, 3, seed=1)
    assert Frechet()(case(x, y)) == {"fd_eyes": frechet_distance(Moments.of(x), Moments.of(y))}


# ----- infinitely many samples ----------------------------------------------------------------------------------------


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
    found = Infinity()(case(x, y))
    assert abs(found["fd_eyes_infinity"] - truth) < abs(Frechet()(case(x, y))["fd_eyes"] - truth) / 2
    assert 0 < found["fd_eyes_infinity_residual"] < 0.1


def test_the_seed_decides_it_and_the_global_random_state_stays():
    x, y = normal(100, 5), normal(100, 5, seed=1)
    torch.rand(1)
    state = torch.get_rng_state()
    first, again, other = (Infinity()(case(x, y, seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert first == again != other


@pytest.mark.parametrize(
    ("n", "d", "least"),
    [(50_000, 2048, 5000), (10_000, 2048, 4096), (5000, 2048, 2500), (2000, 64, 200), (1000, 64, 128), (4, 64, 2), (3, 1, 2)],
)
def test_the_fewest_samples_are_above_the_features_where_there_are_enough(n, d, least):
    sizes = Infinity(points=5).sizes(n, d)
    assert (sizes[0], sizes[-1], len(sizes)) == (least, n, 5)
    assert sizes == sorted(sizes)


def test_the_fewest_samples_may_be_given():
    assert Infinity(points=3, least=20).sizes(100, 2048) == [20, 60, 100]


@pytest.mark.parametrize(("n", "least"), [(20, 20), (10, 20), (2, None), (10, 1)])
def test_a_line_needs_a_range(n, least):
    with pytest.raises(InputError, match=f"{n} samples are too few for a line from score.infinity.least="):
        Infinity(least=least)(case(normal(n, 2), normal(30, 2)))


def test_a_line_needs_points():
    with pytest.raises(InputError, match=r"score\.infinity\.points=2 makes no line: use 3 or more"):
        Infinity(points=2)


# ----- within classes -------------------------------------------------------------------------------------------------


def labelled(features, labels):
    return Features(features, labels=torch.tensor(labels))


def within(sample, reference):
    return IntraClass()(EvalInputs(sample, reference, None, Eyes(), None))


def test_within_classes_it_is_the_mean_over_classes():
    x, y, labels = normal(40, 3), normal(40, 3, seed=1), [0] * 10 + [1] * 30
    expected = [frechet_distance(Moments.of(x[part]), Moments.of(y[part])) for part in (slice(10), slice(10, 40))]
    assert within(labelled(x, labels), labelled(y, labels)) == {"fd_eyes_intra": pytest.approx(sum(expected) / 2)}


def test_swapped_classes_show_only_within_classes():
    labels = [0] * 20 + [1] * 20
    x = normal(40, 3) + 10 * torch.tensor(labels)[:, None]
    swapped = labelled(x, labels[::-1])
    assert Frechet()(case(x, x))["fd_eyes"] < 1e-9
    assert within(swapped, labelled(x, labels))["fd_eyes_intra"] > 100


def test_without_labels_there_is_none():
    x, labels = normal(9, 2), [0] * 9
    assert within(Features(x), labelled(x, labels)) == within(labelled(x, labels), Features(x)) == {}


def test_a_class_without_samples():
    x = normal(9, 2)
    with pytest.raises(InputError, match=r"class 3 has fewer than 2 images: judge more samples \(eval.num_fake=\)"):
        within(labelled(x, [0] * 8 + [3]), labelled(x, [0] * 5 + [3] * 4))
