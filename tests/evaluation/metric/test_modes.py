import math
from types import SimpleNamespace

import pytest
import torch

from gan_lab.data.images import Blobs
from gan_lab.data.pixels import to_unit
from gan_lab.data.points import Gaussians, grid, ring
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.metric.modes import Modes
from tests.evaluation.cases import Eyes, case

RING, GRID = Gaussians(ring(8), std=0.02), Gaussians(grid(25), std=0.02)


def inputs(samples, layout=RING, held_out=None):
    x, real = samples.flatten(1), None if held_out is None else held_out.flatten(1)
    return case(x, x, real, extractor=Pixels(), data=SimpleNamespace(layout=layout))


def judge(samples, layout=RING, min_share=0.01):
    return Modes(min_share)(inputs(samples, layout))


def at_modes(*modes):
    """Points exactly at the centres of the ring; -1 is far from all of them."""
    return torch.cat([RING.centers, torch.zeros(1, 2)])[list(modes)]


def uniform(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(("layout", "modes"), [(RING, 8), (GRID, 25)], ids=["ring", "grid"])
def test_the_data_cover_all_modes_evenly(layout, modes):
    found = judge(layout.sample(50_000, seed=0)[0], layout)
    assert found["modes"] == modes
    assert found["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=2e-3)  # within 3 standard deviations in the plane
    assert found["kl_modes"] < 5 * (modes - 1) / (2 * 50_000)


def test_a_collapsed_generator_covers_one():
    assert judge(at_modes(3, 3, 3)) == {"modes": 1, "high_quality": 1, "kl_modes": pytest.approx(math.log(8))}


@pytest.mark.parametrize("reach", [1.2, 2])
def test_plain_noise_covers_none(reach):
    found = judge(reach * uniform(20_000, 2))
    assert found["modes"] == 0
    assert found["high_quality"] < 0.02


def test_a_mode_is_covered_from_its_share_of_all_samples_on():
    points = at_modes(*[0] * 7, *[1] * 6, *[-1] * 687)
    assert judge(points)["modes"] == 1  # 1 % and less
    assert judge(points, min_share=6 / 700)["modes"] == 2


def test_kl_is_of_the_high_quality_samples_alone():
    expected = 0.75 * math.log(0.75 * 8) + 0.25 * math.log(0.25 * 8)
    found = judge(at_modes(0, 0, 0, 1, -1, -1))
    assert found["kl_modes"] == pytest.approx(expected)
    assert found["high_quality"] == pytest.approx(4 / 6)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_samples_without_any_mode_have_no_kl(value):
    assert judge(torch.full((10, 2), value)) == {"modes": 0, "high_quality": 0}


def test_blobs_cover_their_places_and_noise_covers_none():
    layout = Blobs(ring(8), image_size=16)
    found = judge(to_unit(layout.sample(800, seed=0)[0]), layout)
    assert found["modes"] == 8
    assert found["high_quality"] > 0.95
    assert judge(uniform(800, 1, 16, 16), layout)["modes"] == 0


def test_autocast_changes_nothing():
    layout = Blobs(ring(8), image_size=16)
    images = to_unit(layout.sample(2000, seed=0)[0]) + 0.2 * uniform(2000, 1, 16, 16)  # many are borderline
    with torch.autocast("cpu", torch.bfloat16):
        inside = judge(images, layout)
    assert inside == judge(images, layout)


def test_the_baseline_is_that_of_held_out_points_with_the_expectation_of_kl():
    some = inputs(at_modes(0), held_out=at_modes(*range(8), 0, -1))
    assert Modes().baseline(some) == {"modes": 8, "high_quality": 0.9, "kl_modes": 7 / 18}


def test_the_baseline_of_kl_is_its_mean_over_perfect_samples():
    measured = [judge(RING.sample(500, seed)[0])["kl_modes"] for seed in range(50)]
    baseline = Modes().baseline(inputs(at_modes(0), held_out=RING.sample(500, seed=50)[0]))
    assert sum(measured) / 50 == pytest.approx(baseline["kl_modes"], rel=0.3)  # 4 standard errors


def test_features_that_are_no_pixels_have_no_modes():
    some = case(at_modes(0), at_modes(0), extractor=Eyes(), data=SimpleNamespace(layout=RING))
    assert Modes()(some) == {} == Modes().quantities(Eyes())
