import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.metric.intra_class import IntraClass
from gan_lab.evaluation.moments import Moments, frechet_distance
from tests.evaluation.cases import Eyes, case, normal


def labelled(features, labels):
    return Features(features, labels=torch.tensor(labels))


def within(sample, reference):
    return IntraClass()(EvalInputs(sample, reference, None, Eyes(), None))


def test_it_is_the_mean_over_classes():
    x, y, labels = normal(40, 3), normal(40, 3, seed=1), [0] * 10 + [1] * 30
    expected = [frechet_distance(Moments.of(x[part]), Moments.of(y[part])) for part in (slice(10), slice(10, 40))]
    assert within(labelled(x, labels), labelled(y, labels)) == {"fd_eyes_intra": pytest.approx(sum(expected) / 2)}


def test_swapped_classes_show_only_here():
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
