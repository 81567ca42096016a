import pytest
import torch
from torch import nn

from gan_lab.model import ema


def test_after_one_half_life_the_old_weights_count_half():
    decay = ema.decay(step_images=100, images_seen=10**6, half_life_kimg=1.0, ramp=None)
    average, module = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.zeros_(average.weight)
    nn.init.ones_(module.weight)
    moving = ema.Average(average, module)
    for _ in range(10):
        moving.update(decay)
    assert average.weight.item() == pytest.approx(0.5)


def test_a_decay_on_the_device_is_that_of_the_host():
    averages, module = [nn.Linear(3, 2) for _ in range(2)], nn.Linear(3, 2)
    averages[1].load_state_dict(averages[0].state_dict())
    for average, decay in zip(averages, (0.9, torch.tensor(0.9)), strict=True):
        ema.Average(average, module).update(decay)
    assert torch.allclose(averages[0].weight, averages[1].weight, rtol=1e-6)
    assert not torch.equal(averages[0].weight, module.weight)


def test_the_ramp_shortens_the_half_life_at_first():
    early = ema.decay(64, images_seen=640, half_life_kimg=10, ramp=0.05)
    late = ema.decay(64, images_seen=10**6, half_life_kimg=10, ramp=0.05)
    assert early == pytest.approx(0.5**2)
    assert late == pytest.approx(0.5 ** (64 / 10_000))


def test_no_half_life_copies():
    assert ema.decay(64, 640, half_life_kimg=0, ramp=None) == 0


def test_buffers_are_copied_not_averaged():
    average, module = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    module.running_mean.fill_(5)
    module.num_batches_tracked.fill_(7)
    ema.Average(average, module).update(0.9)
    assert average.running_mean.tolist() == [5, 5]
    assert average.num_batches_tracked == 7


def test_gradients_do_not_flow_into_the_average():
    average, module = nn.Linear(1, 1), nn.Linear(1, 1)
    ema.Average(average, module).update(0.5)
    assert not average.weight.grad_fn
    assert average.weight.is_leaf and torch.is_tensor(average.weight)
