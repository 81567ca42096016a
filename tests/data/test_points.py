import pytest
import torch

from gan_lab.data.points import Gaussians, dirac, grid, ring
from gan_lab.errors import InputError

LAYOUTS = {"ring": Gaussians(ring(8), 0.02), "grid": Gaussians(grid(25), 0.02)}


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return LAYOUTS[request.param]


def test_ring_is_even():
    centers = ring(8, radius=2.0)
    assert torch.allclose(centers.norm(dim=1), torch.tensor(2.0))
    gaps = (centers - centers.roll(1, 0)).norm(dim=1)
    assert torch.allclose(gaps, gaps[0])


def test_grid_fills_the_square():
    centers = grid(25, spacing=0.5)
    assert sorted(map(tuple, centers.tolist())) == [(x / 2, y / 2) for x in range(-2, 3) for y in range(-2, 3)]


def test_a_grid_must_be_square():
    with pytest.raises(InputError, match=r"^modes=24 is not a square number: use modes=16 or modes=25$"):
        grid(24)


def test_samples_have_their_modes_mean_and_spread(layout):
    points, mode = layout.sample(20_000, seed=0)
    assert points.shape == (20_000, 2, 1, 1)
    assert points.dtype == torch.float32
    offsets = points.flatten(1) - layout.centers[mode]
    assert offsets.mean(0).abs().max() < 4 * 0.02 / 20_000**0.5
    assert offsets.std().item() == pytest.approx(0.02, rel=0.02)


def test_modes_are_equally_likely(layout):
    counts = layout.sample(20_000, seed=0)[1].bincount(minlength=len(layout.centers)).double()
    expected = 20_000 / len(counts)
    assert ((counts - expected).abs() < 5 * expected**0.5).all()


def test_real_points_are_of_high_quality_and_know_their_mode(layout):
    points, mode = layout.sample(2500, seed=0)
    assigned, high_quality = layout.assign(points.double())
    assert torch.equal(assigned, mode)
    # P(|x| <= 3 std) = 1 - exp(-9/2) in the plane
    assert high_quality.double().mean().item() == pytest.approx(0.9889, abs=0.01)


def test_three_standard_deviations_are_the_edge(layout):
    center = layout.centers[3]
    points = torch.stack([center + torch.tensor([0.0, 0.0599]), center + torch.tensor([0.0601, 0.0])]).view(2, 2, 1, 1)
    assert layout.assign(points)[1].tolist() == [True, False]


@pytest.mark.parametrize("noise", [torch.randn, lambda *s, generator: 2 * torch.rand(*s, generator=generator) - 1])
def test_plain_noise_covers_no_mode(layout, noise):
    points = noise(2500, 2, 1, 1, generator=torch.Generator().manual_seed(0))
    mode, high_quality = layout.assign(points)
    assert mode[high_quality].bincount(minlength=len(layout.centers)).max() < 25


def test_no_number_is_of_low_quality(layout):
    assert not layout.assign(torch.full((1, 2, 1, 1), torch.nan))[1].any()


def test_dirac_is_the_origin():
    data = dirac(5)
    assert data.images.shape == (5, 2, 1, 1)
    assert not data.images.any()
    assert data.labels is None
