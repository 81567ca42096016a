import pytest
import torch

from gan_lab.augment.instance_noise import InstanceNoise
from gan_lab.cli.compose import compose
from gan_lab.rng import StepRNG
from gan_lab.schedules import Linear
from gan_lab.training.build import build
from tests.tiny import fit, tiny


@pytest.mark.parametrize("shape", [(4000, 2, 1, 1), (50, 3, 9, 8)])
def test_it_adds_independent_gaussian_numbers_of_its_std_to_images_and_points(shape):
    x = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    added = InstanceNoise(0.3)(x, StepRNG(0), 0) - x
    assert added.mean().item() == pytest.approx(0, abs=0.02)
    assert added.std().item() == pytest.approx(0.3, rel=0.05)
    assert ((added / 0.3).pow(4).mean()).item() == pytest.approx(3, rel=0.15)  # a uniform number of this std has 1.8
    assert len(added.unique()) > 0.9 * added.numel()  # of float32


def test_it_fades_in_a_straight_line_and_leaves_images_as_they_are_after_it():
    x = torch.zeros(100, 3, 8, 8)
    noise = InstanceNoise(Linear(last_image=1000, start=0.1, end=0.0))
    stds = [noise(x, StepRNG(0), seen).std().item() for seen in (0, 500, 750)]
    assert stds == pytest.approx([0.1, 0.05, 0.025], rel=0.05)
    assert noise(x, StepRNG(0), 1000) is x


def test_a_position_gives_the_same_numbers_and_a_second_call_others():
    x, noise = torch.zeros(2, 3, 8, 8), StepRNG(0, 1)
    first, second = InstanceNoise(1.0)(x, noise, 0), InstanceNoise(1.0)(x, noise, 0)
    assert not (first == second).any()
    assert torch.equal(first, InstanceNoise(1.0)(x, StepRNG(0, 1), 0))


def test_each_of_two_processes_has_its_rows_of_one_draw():
    x = torch.zeros(4, 1, 8, 8)
    halves = [InstanceNoise(1.0)(x[:2], StepRNG(0, rank=rank, world_size=2), 0) for rank in (0, 1)]
    assert torch.equal(torch.cat(halves), InstanceNoise(1.0)(x, StepRNG(0), 0))


def test_it_keeps_the_type_and_lets_gradients_through():
    x = torch.zeros(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    noisy = InstanceNoise(0.5)(x, StepRNG(0), 0)
    noisy.sum().backward()
    assert noisy.dtype == torch.float64
    assert torch.equal(x.grad, torch.ones_like(x))


def test_the_command_fades_it_over_the_run_and_takes_a_number_too():
    assert build(tiny("augment=instance_noise", images=96)).augments["instance_noise"].std(48) == pytest.approx(0.05)
    assert compose("train", ["augment=instance_noise", "augment.instance_noise.std=0.2"]).augment == {
        "instance_noise": {"_target_": "gan_lab.augment.instance_noise.InstanceNoise", "std": 0.2}
    }


def test_points_train_with_it():
    plain, noisy = (fit(tiny("data=gaussians", "network=mlp", f"augment={a}", images=512)) for a in ("none", "instance_noise"))
    pairs = zip(plain.discriminator.parameters(), noisy.discriminator.parameters(), strict=True)
    assert not any(torch.equal(a, b) for a, b in pairs)
