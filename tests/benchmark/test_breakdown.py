import itertools

import pytest

from gan_lab.benchmark.breakdown import Breakdown
from gan_lab.training.build import build
from tests.tiny import fit, tiny


def test_each_call_of_a_part_is_timed_once_and_backward_by_its_player():
    """A clock that moves by one at each reading counts the calls, and the readings of others within them."""
    cfg = tiny("model.d_steps=2", images=16)
    gan, clock = build(cfg), itertools.count()
    parts = Breakdown(gan, lambda: float(next(clock)))
    fit(cfg, gan=gan)
    assert dict(parts.seconds) == {
        "D: fakes": 4, "D: losses and penalties": 4, "D: backward": 4, "D: optimizer": 4,
        "G: fakes": 2, "G: losses and regularizers": 2, "G: backward": 2, "G: optimizer": 2,
        "averages and clocks": 4,
    }  # fmt: skip
    shares = parts.shares(total=56)
    assert list(shares)[:3] == ["D: fakes", "D: losses and penalties", "D: backward"]
    assert shares["data, Lightning, records"] == pytest.approx(0.5)
