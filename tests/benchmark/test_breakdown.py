import itertools

import pytest

from gan_lab.benchmark.breakdown import Breakdown
from gan_lab.training.build import build
from tests.tiny import fit, tiny


@pytest.fixture
def clock():
    """A clock that moves by one at each reading counts the calls, and the readings of others within them."""
    count = itertools.count()
    return lambda: float(next(count))


def test_each_part_is_timed_once_and_a_term_counts_apart_from_its_player(clock):
    cfg = tiny("model=wgan_gp", "model.d_steps=2", images=16)
    gan, parts = build(cfg), Breakdown(clock)
    parts.attach(gan)
    parts.start()
    fit(cfg, gan=gan, profiler=parts)
    parts.stop()
    assert {name: parts.seconds[name] for name in ("D", "G", "EMA")} == {"D": 12, "G": 4, "EMA": 4}  # a term's readings are D's
    assert parts.terms == {"wgan_gp": 4}
    shares = parts.shares()
    assert list(shares) == ["data", "D", "G", "penalty", "EMA", "rest"]  # no records without their callback
    assert sum(shares.values()) == pytest.approx(1)
    assert parts.shares_of_terms() == {"wgan_gp": shares["penalty"]}


@pytest.mark.parametrize("model", ["wgan_gp", "stylegan2"])
def test_a_gan_whose_terms_are_timed_trains_as_ever(model, clock):
    cfg = tiny(f"model={model}", images=8)
    timed, parts = build(cfg), Breakdown(clock)
    parts.attach(timed)
    fit(cfg, gan=timed, profiler=parts)
    one, two = timed.state_dict(), fit(cfg).state_dict()
    for name, value in one.items():
        assert not hasattr(value, "shape") or value.allclose(two[name], atol=1e-3), name


def test_a_replayed_step_is_one_part(clock):
    parts = Breakdown(clock)
    parts.start()
    fit(tiny(images=8), profiler=parts)
    parts.stop()
    assert list(parts.shares()) == ["data", "step"]
