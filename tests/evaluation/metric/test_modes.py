import math
from types import SimpleNamespace

import pytest
import torch

from gan_lab.data.points import Gaussians, grid, ring
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.metric.modes import Modes
from tests.evaluation.cases import case

RING, GRID = Gaussians(ring(8), std=0.02), Gaussians(grid(25), std=0.02)


def judge(points, layout=RING, extractor=None, min_share=0.01):
    x = points.flatten(1)
    return Modes(min_share)(case(x, x, extractor=extractor or Pixels(), data=SimpleNamespace(layout=layout)))


@pytest.mark.parametrize(("layout", "modes"), [(RING, 8), (GRID, 25)], ids=["ring", "grid"])
def test_the_data_themselves(layout, modes):
    found = judge(layout.sample(50_000, seed=0)[0], layout)
    assert found["modes"] == modes
    assert found["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=2e-3)  # within 3 standard deviations in the plane
    assert found["kl_modes"] < 5 * (modes - 1) / (2 * 50_000)


def test_its_floor_is_that_of_perfect_samples():
    found = [judge(GRID.sample(2500, seed=seed)[0], GRID)["kl_modes"] for seed in range(20)]
    assert sum(found) / 20 == pytest.approx(24 / (2 * 2500), rel=0.2)


def test_a_collapse_covers_one_mode():
    found = judge(RING.centers[:1].repeat(100, 1))
    assert found == {"modes": 1, "high_quality": 1, "kl_modes": pytest.approx(math.log(8))}


def test_a_share_decides_what_is_covered():
    points = RING.centers[[0] * 95 + [1] * 5]
    assert judge(points)["modes"] == 2
    assert judge(points, min_share=0.06)["modes"] == 1


def test_noise_covers_nothing():
    points = 4 * torch.rand(2500, 2, generator=torch.Generator().manual_seed(0)) - 2
    assert judge(points)["modes"] == 0


@pytest.mark.parametrize("layout", [None, RING])
def test_modes_that_nobody_knows_or_sees(layout):
    eyes = SimpleNamespace(name="digits8") if layout else Pixels()
    with pytest.raises(
        InputError, match="eval=modes needs data whose modes are known, gaussians or blobs, and extractor=pixels"
    ):
        judge(RING.centers, layout, eyes)
