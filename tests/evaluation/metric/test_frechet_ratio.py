import pytest

from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.metric.frechet_ratio import FrechetRatio
from gan_lab.evaluation.suite import MetricSuite
from tests.evaluation.cases import Eyes, case, normal

FAKE, REAL, HELD_OUT = 2 * normal(90, 4), normal(80, 4, seed=1), normal(70, 4, seed=2)


def named(name):
    extractor = Eyes()
    extractor.name = name
    return extractor


def test_it_is_the_distance_in_units_of_the_baseline_whatever_the_scale_of_the_features():
    inputs = case(FAKE, REAL, HELD_OUT)
    expected = Frechet()(inputs)["fd_eyes"] / Frechet().baseline(inputs)["fd_eyes"]
    assert FrechetRatio()(inputs) == {"fd_ratio_eyes": expected}
    scaled = FrechetRatio()(case(30 * FAKE, 30 * REAL, 30 * HELD_OUT))
    assert scaled["fd_ratio_eyes"] == pytest.approx(expected, rel=1e-9)


def test_held_out_reals_have_one():
    assert FrechetRatio().baseline(case(FAKE, REAL, HELD_OUT)) == {"fd_ratio_eyes": 1}


def test_there_is_none_without_held_out_reals():
    assert FrechetRatio()(case(FAKE, REAL)) == FrechetRatio().baseline(case(FAKE, REAL)) == {}


def test_over_several_extractors_it_has_a_mean():
    a, b = named("a"), named("b")
    suite = MetricSuite({"frechet_ratio": FrechetRatio()}, {"a": a, "b": b})
    assert list(suite.quantities) == ["fd_ratio_a", "fd_ratio_b", "fd_ratio"]
    near = case(HELD_OUT + 0.1, REAL, HELD_OUT, extractor=b)
    values = suite.values([case(FAKE, REAL, HELD_OUT, extractor=a), near])
    assert values["fd_ratio"] == (values["fd_ratio_a"] + values["fd_ratio_b"]) / 2
    assert values["fd_ratio_a"] > values["fd_ratio_b"] > 0
    alone = MetricSuite({"frechet_ratio": FrechetRatio()}, {"a": a})
    assert list(alone.quantities) == ["fd_ratio_a"]
