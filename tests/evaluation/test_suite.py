import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hydra.utils import instantiate

from gan_lab.cli.compose import CONF, compose
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor.characters import Characters
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.metric import BaseMetric, Metric, Quantity
from gan_lab.evaluation.metric.classifier import ClassifierScore
from gan_lab.evaluation.metric.ct_score import CTScore
from gan_lab.evaluation.metric.density_coverage import DensityCoverage
from gan_lab.evaluation.metric.discriminator import DiscriminatorDiagnosis
from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.metric.modes import Modes
from gan_lab.evaluation.metric.precision_recall import PrecisionRecall
from gan_lab.evaluation.suite import MetricSuite
from tests.evaluation.cases import Eyes, case, normal

README = Path(__file__).parents[2] / "gan_lab/evaluation/README.md"
NAMES = sorted({path.stem for path in (CONF / "metric").glob("*.yaml")} - {"none"})


def named(name, num_classes=0):
    extractor = Eyes(num_classes)
    extractor.name = name
    return extractor


class Constant(BaseMetric):
    def __init__(self, **values):
        self.given = values

    def quantities(self, extractor):
        return {"size": Quantity("max", "images")}

    def __call__(self, inputs):
        return self.given


@pytest.fixture(scope="module")
def all_metrics():
    return compose("train", [f"metric=[{','.join(NAMES)}]", "extractor=none"]).metric


def test_every_yaml_is_an_entry_of_its_name(all_metrics):
    assert list(all_metrics) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_yaml_makes_a_metric_that_states_what_it_gives(all_metrics, name):
    metric = instantiate(all_metrics[name])
    assert isinstance(metric, Metric)
    assert metric.min_samples >= 1
    quantities = metric.quantities(Pixels()) | metric.quantities(Eyes(num_classes=3)) | metric.quantities(Characters())
    assert quantities
    assert all(isinstance(quantity, Quantity) and quantity.better in ("min", "max", None) for quantity in quantities.values())
    assert type(metric).__module__ == f"gan_lab.evaluation.metric.{name}"


def test_quantities_come_in_the_order_of_the_metrics_with_their_directions():
    suite = MetricSuite({"frechet": Frechet(), "classifier": ClassifierScore()}, {"eyes": Eyes(num_classes=3)})
    assert {name: quantity.better for name, quantity in suite.quantities.items()} == {
        "fd_eyes": "min", "cs_eyes": "max", "classes_eyes": "max", "accuracy_eyes": "max"
    }  # fmt: skip
    assert suite.choose(None) == ("fd_eyes", "min")
    assert suite.choose("cs_eyes") == ("cs_eyes", "max")


def test_a_primary_that_does_not_exist_or_has_no_direction():
    suite = MetricSuite({"frechet": Frechet()}, {"eyes": Eyes()})
    with pytest.raises(InputError, match=r"primary=fd_eye does not exist \(choices: fd_eyes\); did you mean 'fd_eyes'"):
        suite.choose("fd_eye")
    with pytest.raises(InputError, match="primary=cs_std_eyes does not exist"):
        MetricSuite({"c": ClassifierScore()}, {"eyes": Eyes(num_classes=3)}).choose("cs_std_eyes")
    with pytest.raises(InputError, match="primary=ct_eyes cannot choose a checkpoint: no metric of this run has a better"):
        MetricSuite({"ct_score": CTScore()}, {"eyes": Eyes()}).choose("ct_eyes")


def test_nothing_to_judge_by_needs_no_extractor_and_chooses_nothing():
    suite = MetricSuite({}, {"eyes": Eyes()})
    assert not suite
    assert suite.extractors == []
    assert suite.choose("fd_eyes") == (None, None)


def test_values_and_baseline_come_by_their_names():
    eyes, fake, real, held_out = Eyes(), normal(30, 3), normal(40, 3, seed=1), normal(20, 3, seed=2)
    suite = MetricSuite({"frechet": Frechet(), "precision_recall": PrecisionRecall()}, {"eyes": eyes})
    inputs = case(fake, real, held_out, eyes)
    assert suite.values([inputs]) == Frechet()(inputs) | PrecisionRecall()(inputs)
    in_its_place = case(held_out, real, held_out, eyes)
    assert suite.baseline([inputs]) == Frechet()(in_its_place) | PrecisionRecall()(in_its_place)


def test_the_metric_of_the_rooms_readme_works():
    names = {"BaseMetric": BaseMetric, "Quantity": Quantity}
    exec(re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1), names)
    suite = MetricSuite({"mean_gap": names["MeanGap"]()}, {"eyes": Eyes()})
    x = normal(30, 4)
    inputs = case(x + 3, x, x, suite.extractors[0])
    assert suite.values([inputs]) == {"gap_eyes": pytest.approx(6)}
    assert suite.baseline([inputs]) == {"gap_eyes": 0}
    assert suite.choose("gap_eyes") == ("gap_eyes", "min")


def test_equal_names_of_several_extractors_are_told_apart():
    a, b = named("a"), named("b")
    suite = MetricSuite({"precision_recall": PrecisionRecall(), "frechet": Frechet()}, {"a": a, "b": b})
    assert list(suite.quantities) == ["precision_a", "recall_a", "precision_b", "recall_b", "fd_a", "fd_b"]
    fake, real = normal(30, 3), normal(40, 3, seed=1)
    one, other = case(fake, real, extractor=a), case(real + 50, real, extractor=b)
    values = suite.values([one, other])
    assert list(values) == list(suite.quantities)
    assert (values["precision_a"], values["precision_b"]) == (PrecisionRecall()(one)["precision"], 0)


def test_a_value_that_was_not_stated_is_refused():
    suite = MetricSuite({"mine": Constant(size=1.0, weight=2.0)}, {"eyes": Eyes()})
    with pytest.raises(InputError, match=r"metric=mine gives 'weight', which its quantities\(\) leave out"):
        suite.values([case(normal(3, 2), normal(3, 2))])


def test_what_is_no_metric_is_refused():
    with pytest.raises(InputError, match=r"metric=mine is no metric: derive SimpleNamespace from gan_lab.*BaseMetric"):
        MetricSuite({"mine": SimpleNamespace()}, {"eyes": Eyes()})


def test_metrics_without_features_are_refused():
    with pytest.raises(InputError, match="metric=frechet needs features: choose extractor=pixels"):
        MetricSuite({"frechet": Frechet()}, {})


@pytest.mark.parametrize(("layout", "extractor"), [(None, Pixels()), (object(), Eyes())])
def test_modes_that_nobody_knows_or_sees(layout, extractor):
    suite = MetricSuite({"modes": Modes()}, {"some": extractor})
    with pytest.raises(
        InputError, match="metric=modes needs data whose modes are known, gaussians or blobs, and extractor=pixels"
    ):
        suite.check(SimpleNamespace(layout=layout))


def test_images_are_asked_for_where_there_are_none():
    suite = MetricSuite({"discriminator": DiscriminatorDiagnosis()}, {"pixels": Pixels()})
    suite.check(None)
    with pytest.raises(InputError, match="metric=discriminator needs the images themselves, which training does not keep"):
        suite.check(None, has_images=False)


@pytest.mark.parametrize(("metric", "fewest"), [(PrecisionRecall(k=3), 4), (DensityCoverage(k=5), 6), (Frechet(), 2)])
def test_too_few_images_of_a_kind_are_refused_by_the_number_that_is_needed(metric, fewest):
    suite = MetricSuite({"some": metric}, {"eyes": Eyes()})
    suite.check_counts({"samples": fewest, "reference images": None}, "judge more")
    with pytest.raises(InputError, match=f"metric=some needs {fewest} samples or more, not {fewest - 1}: judge more"):
        suite.check_counts({"samples": fewest - 1, "reference images": fewest}, "judge more")


@pytest.mark.parametrize(("n", "m", "is_singular"), [(5, 5, False), (4, 5, True), (5, 4, True)])
def test_a_singular_covariance_is_noted(n, m, is_singular):
    suite = MetricSuite({"frechet": Frechet()}, {"eyes": Eyes()})
    notes = suite.notes([case(normal(n, 4), normal(m, 4))], n)
    assert bool(notes) == is_singular
    assert not MetricSuite({"some": PrecisionRecall()}, {"eyes": Eyes()}).notes([case(normal(n, 4), normal(m, 4))], n)


def test_the_protocol_names_the_weights():
    assert MetricSuite({"frechet": Frechet()}, {"eyes": Eyes()}).protocol() == {
        "extractors": {"eyes": {"weights_sha256": "none", "resize": "none"}},
        "quantiser": "uint8, clamp to [-1, 1], round((x + 1) * 127.5)",
    }


def test_the_global_random_state_stays_and_decides_nothing():
    names = ",".join(name for name in NAMES if name not in ("modes", "discriminator"))
    metrics = instantiate(compose("train", [f"metric=[{names}]", "extractor=none"]).metric)
    suite, found = MetricSuite(metrics, {"eyes": Eyes(num_classes=3)}), []
    sets = normal(60, 4), normal(70, 4, seed=1), normal(50, 4, seed=2)
    for _ in range(2):
        torch.rand(1)
        state = torch.get_rng_state()
        inputs = case(*sets, suite.extractors[0])
        inputs.sample.logits = inputs.held_out.logits = sets[0]
        found.append(suite.values([inputs]) | {f"real {name}": value for name, value in suite.baseline([inputs]).items()})
        assert torch.equal(torch.get_rng_state(), state)
    assert found[0] == found[1]
