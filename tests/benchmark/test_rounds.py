import math

import pytest

from gan_lab.benchmark import rounds
from gan_lab.benchmark.rounds import Budget, measure, period, ratio, spread, steps_in
from gan_lab.cli.compose import compose


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only where a test says so."""
    time = [0.0]
    monkeypatch.setattr(rounds.time, "monotonic", lambda: time[0])
    return time


def of(clock, *seconds):
    """A contender whose runs take these seconds in turn, the last one over and over."""
    left = list(seconds)

    def run(steps):
        taken = left.pop(0) if len(left) > 1 else left[0]
        clock[0] += taken
        return taken

    return run


def test_the_ratio_is_the_median_over_rounds_and_its_spread_their_standard_error():
    assert ratio([2.0, 4.0, 100.0], [1.0, 4.0, 10.0]) == 2.0
    assert spread([1.0, 2.0, 3.0, 2.0], [1.0] * 4) == pytest.approx(math.sqrt(2 / 3) / 2 / 2)
    assert spread([1.0], [1.0]) == math.inf


def test_rounds_end_when_the_ratio_is_known(clock):
    speeds = measure({"base": of(clock, 2.0), "ours": of(clock, 1.0)}, "base", {"base": 1, "ours": 1}, 8, Budget(1000, None))
    assert speeds == {"base": [4.0] * 3, "ours": [8.0] * 3}


def test_rounds_end_before_the_time_is_over(clock):
    runs = {"base": of(clock, 2.0), "ours": of(clock, 1.0, 3.0, 1.0, 3.0, 1.0, 3.0)}
    speeds = measure(runs, "base", {"base": 1, "ours": 1}, 8, Budget(17, None))
    assert len(speeds["ours"]) == 4
    assert clock[0] <= 17


def test_as_many_rounds_as_were_asked_for_and_the_order_rotates(clock):
    order = []
    runs = {name: lambda steps, name=name: order.append(name) or 1.0 for name in "abc"}
    measure(runs, "a", dict.fromkeys("abc", 1), 8, Budget(0.1, 2))
    assert "".join(order) == "abcbca"


@pytest.mark.parametrize(("model", "steps"), [("dcgan", 1), ("stylegan2", 16), ("wgan_gp", 5)])
def test_a_period_holds_every_lazy_term_and_a_step_of_g(model, steps):
    assert period(compose("benchmark", [f"model={model}"])) == steps


@pytest.mark.parametrize(("given", "steps"), [(None, 30), (7, 10), (1, 5)])
def test_a_measurement_is_as_long_as_asked_for_or_as_fits_in_whole_periods(given, steps):
    cfg = compose("benchmark", ["model=wgan_gp"])
    cfg.benchmark.steps = given
    assert steps_in(3.1, 0.1, cfg) == steps
    assert steps_in(0.01, 0.1, cfg) >= 5
