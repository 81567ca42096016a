from pathlib import Path

import torch

from gan_lab.evaluation.inputs import EvalInputs, Features, with_split_held_out
from gan_lab.evaluation.moments import Moments
from tests.evaluation.cases import normal

X = torch.arange(12.0).view(6, 2).double()


def test_moments_are_those_of_the_features_or_of_all_images():
    assert torch.allclose(Features(X).moments.mean, X.mean(0))
    whole = Moments.of(torch.cat([X, X + 1]))
    assert Features(X, all_moments=whole).moments is whole


def test_a_class_has_its_own_rows_of_everything():
    labels = torch.tensor([0, 1, 0, 1, 1, 0])
    of_class = Features(X, X * 2, labels).of_class(1)
    assert len(of_class) == 3
    assert torch.equal(of_class.features, X[labels == 1]) and torch.equal(of_class.logits, 2 * X[labels == 1])


def test_held_out_reals_are_split_into_samples_and_the_rest():
    inputs = with_split_held_out(EvalInputs(Features(X), Features(X), Features(X), None, Path()))
    assert torch.equal(inputs.sample.features, X[::2]) and torch.equal(inputs.held_out.features, X[1::2])
    assert torch.equal(inputs.reference.features, X)


def test_moments_of_all_images_stand_where_features_are_of_some():
    few = Features(normal(20, 3), all_moments=Features(normal(90, 3)).moments)
    assert (len(few), few.moments.n) == (20, 90)
    assert Features(normal(20, 3)).moments.n == 20


def test_a_class_keeps_its_features_logits_and_label():
    labels = torch.tensor([0, 1, 0])
    features = torch.arange(6.0).view(3, 2)
    some = Features(features, 2 * features, labels).of_class(0)
    assert torch.equal(some.features, features[[0, 2]])
    assert torch.equal(some.logits, 2 * features[[0, 2]])
    assert some.labels.tolist() == [0, 0]
    assert Features(features, labels=labels).of_class(1).logits is None
