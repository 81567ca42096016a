import pytest
import torch
from torch import nn

from gan_lab.model import dropout
from gan_lab.training.build import build
from tests.tiny import tiny

DROPPING = ["model=dcgan", "network.generator.dropout=0.5", "network.generator.width=8", "network.discriminator.width=8"]


def test_as_many_are_dropped_as_in_training_and_the_rest_makes_up_for_them():
    net, z = nn.Sequential(nn.Dropout(0.25)).eval(), torch.randn(3, 8)
    x = torch.ones(3, 50, 10, 10)
    with dropout.kept(net, z):
        made = net(x)
    assert (made == 0).float().mean() == pytest.approx(0.25, abs=0.02)
    assert made.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert torch.equal(net(x), x)


def test_two_layers_and_two_rows_drop_different_places():
    net, z = nn.Sequential(nn.Dropout(0.5), nn.Identity(), nn.Dropout(0.5)).eval(), torch.randn(2, 8)
    with dropout.kept(net, z):
        made = net(torch.ones(2, 1000))
    assert (made > 0).float().mean() == pytest.approx(0.25, abs=0.05)
    assert not torch.equal(made[0], made[1])


def test_samples_are_dropped_and_the_same_on_any_batch_size():
    on, off = (build(tiny(*DROPPING, f"model.dropout_in_sampling={value}")) for value in ("true", "false"))
    together = on.sample(range(4))
    apart = torch.cat([on.sample([index]) for index in range(4)])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-6)
    assert torch.equal(together, on.sample(range(4)))
    assert not torch.allclose(together, off.sample(range(4)))
    assert not any(module._forward_hooks for module in on.generator_ema.modules())
