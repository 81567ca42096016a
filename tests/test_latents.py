import pytest
import torch

from gan_lab import latents
from gan_lab.rng import StepRNG


def test_the_three_latents_have_their_ranges():
    noise = StepRNG(0)
    assert latents.normal(noise, 1000, 8).std().item() == pytest.approx(1, abs=0.05)
    uniform = latents.uniform(noise, 1000, 8)
    assert -1 <= uniform.min() < -0.99 and 0.99 < uniform.max() < 1
    torch.testing.assert_close(latents.sphere(noise, 10, 16).norm(dim=1), torch.full((10,), 4.0))


def test_the_great_circle_keeps_the_length_and_the_straight_line_does_not():
    a, b, t = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), torch.linspace(0, 1, 5)
    circle, line = latents.great_circle(a, b, t), latents.straight(a, b, t)
    torch.testing.assert_close(circle.norm(dim=1), torch.full((5,), 2.0))
    torch.testing.assert_close(circle[2], torch.tensor([2.0, 2.0]) / 2**0.5)
    torch.testing.assert_close(line[2], torch.tensor([1.0, 1.0]))


@pytest.mark.parametrize("way", [latents.straight, latents.great_circle])
def test_a_strip_begins_and_ends_at_its_latents(way):
    a, b = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    strip = way(a, b, torch.linspace(0, 1, 4))
    torch.testing.assert_close(strip[0], a)
    torch.testing.assert_close(strip[-1], b)


def test_parallel_latents_have_a_great_circle_too():
    a = torch.ones(4)
    torch.testing.assert_close(latents.great_circle(a, a, torch.linspace(0, 1, 3)), torch.ones(3, 4))


@pytest.mark.parametrize("threshold", [0.04, 0.5, 2.0, 8.0])
def test_truncated_latents_are_distributed_as_those_drawn_until_they_are_within(threshold):
    z = latents.normal(StepRNG(0), 20_000, 2)
    made = latents.truncate(z, threshold).flatten()
    assert made.abs().max() <= threshold
    drawn = z.flatten()[z.flatten().abs() < threshold]
    levels = torch.linspace(0.1, 0.9, 9)
    torch.testing.assert_close(made.quantile(levels), drawn.quantile(levels), rtol=0, atol=0.06 * min(threshold, 1))
    assert (made[z.flatten().argsort()].diff() >= 0).all()


def test_without_a_bound_within_reach_latents_stay():
    z = latents.normal(StepRNG(0), 100, 2)
    torch.testing.assert_close(latents.truncate(z, 30.0), z, rtol=1e-5, atol=1e-5)
