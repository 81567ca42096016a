import re

import pytest
import torch
from torch import nn

from gan_lab.adversary.adaptive_weight import AdaptiveWeight, gradient_ratio
from gan_lab.errors import InputError


def losses_of(layer, x=None):
    made = layer(torch.linspace(-1, 1, 12, dtype=torch.float64).view(4, 3) if x is None else x)
    return (made - 1).square().mean(), -made.tanh().mean()


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Linear(3, 2, dtype=torch.float64)


def by_differences(layer, number, step=1e-6):
    """The norm of a loss's gradient by the layer's weight, from central differences."""
    total = 0.0
    with torch.no_grad():
        for index in range(layer.weight.numel()):
            values = []
            for sign in (1, -1):
                layer.weight.view(-1)[index] += sign * step
                values.append(losses_of(layer)[number].item())
                layer.weight.view(-1)[index] -= sign * step
            total += ((values[0] - values[1]) / (2 * step)) ** 2
    return total**0.5


def test_it_is_equation_7_of_vqgan(layer):
    rec, gan = (by_differences(layer, number) for number in (0, 1))
    found = gradient_ratio(*losses_of(layer), layer.weight, delta=1e-4)
    assert found.item() == pytest.approx(rec / (gan + 1e-4), rel=1e-6)
    assert not found.requires_grad


def test_the_two_losses_pull_equally_hard_at_the_last_layer(layer):
    rec, gan = losses_of(layer)
    weight = AdaptiveWeight(factor=1.0, delta=1e-12)(rec, gan, layer.weight)
    pulls = [torch.autograd.grad(loss, layer.weight, retain_graph=True)[0].norm() for loss in (rec, weight * gan)]
    assert pulls[1].item() == pytest.approx(pulls[0].item())


def test_the_ratio_is_bounded_before_it_is_scaled(layer):
    rec, gan = losses_of(layer)
    assert AdaptiveWeight()(1e9 * rec, gan, layer.weight).item() == pytest.approx(0.8 * 1e4)
    assert AdaptiveWeight(factor=0.5, largest=3.0)(1e9 * rec, gan, layer.weight).item() == pytest.approx(1.5)


def test_without_gradients_it_is_the_weight_of_the_last_training_step(layer):
    adaptive = AdaptiveWeight()
    last = adaptive(*losses_of(layer), layer.weight)
    with torch.no_grad():
        assert torch.equal(adaptive(*losses_of(layer), layer.weight), last)
    assert torch.equal(adaptive.state_dict()["value"], last)


@pytest.mark.parametrize("number", [0, 1])
def test_a_loss_that_did_not_come_through_the_layer_is_refused(layer, number):
    rec, gan = losses_of(layer)
    other = nn.Parameter(torch.ones((), dtype=torch.float64))
    given = [other * 2, gan] if number == 0 else [rec, other.detach()]
    name = ["reconstruction_loss", "the fakes"][number]
    with pytest.raises(InputError, match=re.escape(f"{name} did not come through last_layer: give the weight of")):
        gradient_ratio(*given, layer.weight, 1e-4)
