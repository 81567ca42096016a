import math

import pytest
import torch

from gan_lab.evaluation.metric import EvalInputs, Features
from gan_lab.evaluation.metric.classifier import Classifier, classifier_score
from gan_lab.rng import make_generator
from tests.evaluation.cases import Eyes, normal


def judge(logits, labels=None, splits=1, accuracy="accuracy_eyes"):
    extractor = Eyes(num_classes=10, splits=splits)
    extractor.accuracy_name = accuracy
    return Classifier()(EvalInputs(Features(logits, logits, labels), Features(logits), None, extractor, None))


@pytest.mark.parametrize(
    ("classes", "scale", "score"),
    [
        (range(10), 1e4, 10),  # sure of each image, all classes alike
        (range(10), 0, 1),  # knows nothing
        ([3], 1e4, 1),  # one class
        (range(5), 400, 5),  # five classes dropped by an overconfident classifier: NaN in torchmetrics alone
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_counts_the_classes(classes, scale, score, dtype):
    logits = scale * torch.eye(10, dtype=dtype)[list(classes)].repeat(40, 1)
    assert classifier_score(logits)[0] == pytest.approx(score, rel=1e-12)


def test_the_thousand_classes_of_inception():
    assert classifier_score(1e3 * torch.eye(1008))[0] == pytest.approx(1008, rel=1e-12)


def test_it_is_the_exponential_of_the_mutual_information():
    logits = 2 * normal(300, 10)
    p = logits.softmax(1)
    expected = (p * (p / p.mean(0)).log()).sum(1).mean().exp().item()
    assert classifier_score(logits) == (pytest.approx(expected, rel=1e-12), 0)


def test_the_order_of_the_images_decides_nothing_in_one_split_and_little_in_many():
    classes = torch.arange(10).repeat_interleave(100)  # sorted: each split of a consecutive tenth would show one class
    logits = 4 * torch.eye(10)[classes] + normal(1000, 10)
    shuffled = logits[torch.randperm(1000, generator=make_generator(5))]
    assert classifier_score(logits)[0] == pytest.approx(classifier_score(shuffled)[0], rel=1e-12)
    assert classifier_score(logits, 10)[0] == pytest.approx(classifier_score(shuffled, 10)[0], rel=0.02)
    assert classifier_score(logits, 10)[0] > 3


def test_over_splits_it_is_the_mean_and_the_unbiased_deviation():
    logits = 3 * normal(95, 6)
    p = logits[torch.randperm(95, generator=make_generator(95))].softmax(1)
    each = torch.stack([(q * (q / q.mean(0)).log()).sum(1).mean().exp() for q in p.tensor_split(9)])
    assert [len(q) for q in p.tensor_split(9)] == [11] * 5 + [10] * 4  # nine, where chunks of eleven would be too
    assert classifier_score(logits, 9) == (
        pytest.approx(each.mean().item(), rel=1e-12),
        pytest.approx(each.std().item(), rel=1e-9),
    )


@pytest.mark.parametrize(("n", "names"), [(24, {"cs_eyes"}), (25, {"cs_eyes", "cs_eyes_std"})])
def test_there_is_one_split_where_a_split_would_have_fewer_images_than_there_are_splits(n, names):
    assert set(judge(normal(n, 10), splits=5)) == names


def test_accuracy_is_the_share_that_shows_the_class_asked_for():
    logits = torch.eye(10)[[0, 1, 2, 3]]
    assert judge(logits, torch.tensor([0, 1, 2, 4]))["accuracy_eyes"] == 0.75
    assert "accuracy_eyes" not in judge(logits)
    assert set(judge(logits, torch.tensor([0, 1, 2, 4]), accuracy=None)) == {"cs_eyes"}


def test_an_extractor_without_classes_has_no_score():
    x = normal(9, 3)
    assert Classifier()(EvalInputs(Features(x), Features(x), None, Eyes(), None)) == {}


def test_the_global_random_state_stays_and_decides_nothing():
    logits = normal(100, 10)
    found = []
    for _ in range(2):
        torch.rand(1)
        state = torch.get_rng_state()
        found.append(judge(logits, splits=5))
        assert torch.equal(torch.get_rng_state(), state)
    assert found[0] == found[1]
    assert all(math.isfinite(value) for value in found[0].values())
