import math

import pytest
import torch
from torch.nn.functional import leaky_relu, linear

from gan_lab.errors import InputError
from gan_lab.network.mapping import LabelMapping, Mapping


def normal(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2)])
def test_layers_are_dense_with_a_hundredth_of_the_rate(gain):
    """StyleGAN has the gain sqrt(2) in its weights, StyleGAN2 in its activations."""
    mapping, z = Mapping(5, 6, 2, gain=gain), normal(3, 5)
    w = z / z.square().mean(1, keepdim=True).sqrt()
    for layer in mapping.layers:
        torch.nn.init.normal_(layer.bias)
        w = linear(w, layer.weight * gain * 0.01 / layer.weight.shape[1] ** 0.5, layer.bias * 0.01)
        w = leaky_relu(w, 0.2) * math.sqrt(2) / gain
    torch.testing.assert_close(mapping(z), w)


def test_the_mean_follows_training_alone():
    mapping = Mapping(5, 6, 1, mean_rate=0.25)
    w = mapping(normal(8, 5))
    torch.testing.assert_close(mapping.mean, 0.25 * w.mean(0))
    mapping.eval()(normal(8, 5))
    torch.testing.assert_close(mapping.mean, 0.25 * w.mean(0))


def test_labels_are_embedded_and_needed():
    mapping, labels = Mapping(5, 6, 1, num_classes=3).eval(), LabelMapping(3, 4, 2)
    z = normal(1, 5).expand(2, -1)
    assert not torch.equal(*mapping(z, torch.tensor([0, 2])))
    assert labels(torch.tensor([0, 2])).shape == (2, 4)
    for call in (lambda: mapping(z), lambda: labels(None)):
        with pytest.raises(InputError, match="but this model passes no labels"):
            call()
