import math

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from gan_lab.cli.command import CONF
from gan_lab.data.images import Blobs
from gan_lab.data.pixels import to_unit
from gan_lab.data.points import Gaussians, ring
from gan_lab.errors import InputError
from gan_lab.evaluation.metric.mode_coverage import ModeCoverage

RING = Gaussians(ring(8), std=0.02)


def judge(samples, layout=RING):
    metric = ModeCoverage(layout)
    metric.update(samples)
    return metric.compute()


def at_modes(*modes):
    """Points exactly at the centres of the ring; -1 is far from all of them."""
    return torch.cat([RING.centers, torch.zeros(1, 2)])[list(modes)].view(-1, 2, 1, 1)


def uniform(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_the_data_cover_all_modes_evenly():
    scores = judge(RING.sample(20_000, seed=0)[0])
    assert scores["modes"] == 8
    assert scores["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=3e-3)  # within 3 standard deviations
    assert scores["kl_modes"] < 5 * 7 / (2 * 20_000)


def test_a_collapsed_generator_covers_one():
    assert judge(at_modes(3, 3, 3)) == {"modes": 1, "high_quality": 1, "kl_modes": pytest.approx(math.log(8))}


def test_plain_noise_covers_none():
    scores = judge(1.2 * uniform(20_000, 2, 1, 1))
    assert scores["modes"] == 0
    assert scores["high_quality"] < 0.02


def test_a_mode_is_covered_from_its_share_of_all_samples_on():
    assert judge(at_modes(*[0] * 7, *[1] * 6, *[-1] * 687))["modes"] == 1  # 1 % and less


def test_kl_is_of_the_high_quality_samples_alone():
    expected = 0.75 * math.log(0.75 * 8) + 0.25 * math.log(0.25 * 8)
    scores = judge(at_modes(0, 0, 0, 1, -1, -1))
    assert scores["kl_modes"] == pytest.approx(expected)
    assert scores["high_quality"] == pytest.approx(4 / 6)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_samples_without_any_mode_have_no_kl(value):
    assert judge(torch.full((10, 2, 1, 1), value)) == {"modes": 0, "high_quality": 0}


def test_blobs_cover_their_places_and_noise_covers_none():
    layout = Blobs(ring(8), image_size=16)
    scores = judge(to_unit(layout.sample(800, seed=0)[0]), layout)
    assert scores["modes"] == 8
    assert scores["high_quality"] > 0.95
    assert judge(uniform(800, 1, 16, 16), layout)["modes"] == 0


def test_neither_autocast_nor_half_precision_changes_the_scores():
    layout = Blobs(ring(8), image_size=16)
    images = (to_unit(layout.sample(2000, seed=0)[0]) + 0.2 * uniform(2000, 1, 16, 16)).bfloat16()  # many are borderline
    with torch.autocast("cpu", torch.bfloat16):
        inside = judge(images, layout)
    assert inside == judge(images.double(), layout)


def test_the_floor_is_that_of_the_held_out_points_with_the_expectation_of_kl():
    metric = ModeCoverage(RING)
    metric.update_held_out(at_modes(*range(8), 0, -1))
    assert metric.floor() == {"modes": 8, "high_quality": 0.9, "kl_modes": 7 / 18}


def test_the_floor_of_kl_is_its_mean_over_perfect_samples():
    metric, measured = ModeCoverage(RING), []
    for seed in range(50):
        samples = RING.sample(500, seed)[0]
        measured.append(judge(samples)["kl_modes"])
    metric.update_held_out(samples)
    assert sum(measured) / 50 == pytest.approx(metric.floor()["kl_modes"], rel=0.3)  # 4 standard errors


def test_reset_forgets_the_samples_alone():
    metric = ModeCoverage(RING)
    metric.update_held_out(at_modes(0, 1))
    metric.update(at_modes(0, 1, 2))
    metric.reset()
    metric.update(at_modes(5))
    metric.compute(), metric.floor()
    protocol = metric.protocol()
    assert (protocol["n_fake"], protocol["n_held_out"]) == (1, 2)


def test_no_samples():
    with pytest.raises(InputError, match="metric=modes needs 1 sample or more, not 0"):
        ModeCoverage(RING).compute()


def test_its_yaml_takes_the_layout_of_the_data():
    cfg = OmegaConf.create({"metric": OmegaConf.load(CONF / "metric" / "modes.yaml")})
    cfg.data = {"layout": {"_target_": "gan_lab.data.points.Gaussians", "centers": [[0.0, 0.0]], "std": 0.1}}
    metric = instantiate(cfg).metric
    assert (metric.num_modes, metric.primary, metric.mode) == (1, "modes", "max")
