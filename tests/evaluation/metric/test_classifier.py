import math

import pytest
import torch
from torchmetrics.image.inception import InceptionScore

from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.metric.classifier import ClassifierScore, classifier_score
from gan_lab.rng import make_generator
from tests.evaluation.cases import Eyes, normal


def judge(logits, labels=None, splits=1, min_class_share=0.03, **more):
    extractor = Eyes(num_classes=10, splits=splits)
    vars(extractor).update(more)
    metric = ClassifierScore(min_class_share)
    values = metric(EvalInputs(Features(logits, logits, labels), Features(logits), None, extractor, None))
    assert values.keys() <= metric.quantities(extractor).keys()
    return values


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
    assert classifier_score(logits) == (pytest.approx(expected, rel=1e-12), None)


@pytest.mark.parametrize("splits", [1, 5])
def test_the_order_of_the_images_decides_nothing(splits):
    logits = 3 * normal(100, 10)
    shuffled = logits[torch.randperm(100, generator=make_generator(5))]
    (mean, std), other = classifier_score(logits, splits), classifier_score(shuffled, splits)
    assert other == (pytest.approx(mean, rel=1e-12), std and pytest.approx(std, rel=1e-9))


def test_a_split_shows_all_classes():
    classes = torch.arange(10).repeat_interleave(100)  # each split of a consecutive tenth would show one class
    assert classifier_score(4 * torch.eye(10)[classes] + normal(1000, 10), 10)[0] > 3


@pytest.mark.filterwarnings("ignore:Metric `InceptionScore` will save all", "ignore:std")
@pytest.mark.parametrize(("n", "splits"), [(100, 10), (95, 9), (105, 10), (60, 1)])
def test_torchmetrics_comes_to_the_same_on_sorted_rows(n, splits):
    logits = 3 * normal(n, 6)
    theirs = InceptionScore(torch.nn.Identity(), splits=splits)
    theirs.update(torch.tensor(sorted((logits - logits.amax(1, keepdim=True)).tolist()), dtype=torch.float64))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        mean, std = theirs.compute()
    found = classifier_score(logits, splits)
    assert found[0] == pytest.approx(mean.item(), rel=1e-12)
    assert found[1] == (pytest.approx(std.item(), rel=1e-9) if splits > 1 else None)


@pytest.mark.parametrize("share", [0.03, 0.031])
def test_a_class_is_present_from_its_share_on(share):
    logits = 9 * torch.eye(10)[[0] * 359 + [1] * 316 + [2] * 21 + [3] * 4]
    assert judge(logits, min_class_share=share)["classes_eyes"] == (3 if share == 0.03 else 2)


@pytest.mark.parametrize(("n", "names"), [(24, {"cs_eyes", "classes_eyes"}), (25, {"cs_eyes", "classes_eyes", "cs_std_eyes"})])
def test_there_is_one_split_where_a_split_would_have_fewer_images_than_there_are_splits(n, names):
    assert set(judge(normal(n, 10), splits=5)) == names


def test_accuracy_is_the_share_that_shows_the_class_asked_for():
    logits = torch.eye(10)[[0, 1, 2, 3]]
    assert judge(logits, torch.tensor([0, 1, 2, 4]))["accuracy_eyes"] == 0.75
    assert "accuracy_eyes" not in judge(logits)
    assert set(judge(logits, torch.tensor([0, 1, 2, 4]), knows_labels=False, counts_classes=False)) == {"cs_eyes"}


def test_the_baseline_of_accuracy_is_that_of_held_out_images():
    real = Features(torch.eye(10), torch.eye(10), torch.arange(10))
    fake = Features(torch.eye(10), torch.eye(10), torch.arange(10).flip(0))
    inputs = EvalInputs(fake, real, real, Eyes(num_classes=10), None)
    assert ClassifierScore()(inputs)["accuracy_eyes"] == 0
    assert ClassifierScore().baseline(inputs)["accuracy_eyes"] == 1


def test_an_extractor_without_classes_has_no_score():
    x = normal(9, 3)
    assert (
        ClassifierScore()(EvalInputs(Features(x), Features(x), None, Eyes(), None))
        == {}
        == ClassifierScore().quantities(Eyes())
    )


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
