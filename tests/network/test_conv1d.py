import re

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from gan_lab.errors import InputError
from gan_lab.network import conv1d
from gan_lab.penalties import zero_centred


def lengths_of(network, x):
    """Lengths of the maps that its convolutions hand over."""
    found = []
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            module.register_forward_hook(lambda module, inputs, output: found.append(output.shape[2]))
    network(x)
    return found


@pytest.mark.parametrize("length", [8, 9, 15, 16, 37, 100, 1001])
def test_any_length_is_retraced_and_every_position_reaches_d(length):
    g, d = conv1d.Generator(5, (2, length), width=4), conv1d.Discriminator((2, length), width=4)
    signals = g(torch.randn(3, 5))
    assert signals.shape == (3, 2, length)
    assert d(signals).shape == (3,)
    assert d.features(signals).shape == (3, d.num_features)
    shorter = lengths_of(d, signals)
    assert 4 <= shorter[-1] <= 7
    assert lengths_of(g, torch.randn(3, 5)) == [*shorter[-2::-1], length]
    x = torch.randn(1, 2, length, requires_grad=True)
    (gradient,) = torch.autograd.grad(d(x).sum(), x)
    assert (gradient != 0).all()


def test_parameter_counts_at_1024_are_those_of_the_docstring():
    with torch.device("meta"):
        pair = conv1d.Generator(100, (1, 1024)), conv1d.Discriminator((1, 1024))
    counts = [sum(weight.numel() for weight in net.parameters()) for net in pair]
    assert [f"{count:,}" for count in counts] == re.findall(r"\d,\d{3},\d{3}", conv1d.__doc__)
    assert max(module.out_channels for module in pair[1].modules() if isinstance(module, nn.Conv1d)) == 512


@pytest.mark.parametrize("norm", conv1d.NORMS)
def test_every_norm_trains_and_signals_have_no_bound(norm):
    g, d = conv1d.Generator(5, (2, 16), 4, norm=norm), conv1d.Discriminator((2, 16), 4, norm=norm)
    assert any(is_parametrized(module) for module in d.modules()) == (norm == "spectral")
    zero_centred(d, torch.randn(4, 2, 16)).backward()
    d(g(torch.randn(4, 5))).sum().backward()
    assert all(weight.grad is not None for weight in g.parameters())
    nn.init.constant_(g.layers[-1].bias, 5.0)
    assert g(torch.randn(4, 5)).max() > 1


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (None, "network=conv1d makes signals (N, C, L), and these data are images: use network=mlp, which makes any"),
        ((3, 8, 8), "network=conv1d makes signals (N, C, L), and these data are images: use network=mlp, which makes any"),
        ((8,), "network=conv1d makes signals (N, C, L), and these data are vectors: use network=mlp, which makes any"),
        ((2, 7), "network=conv1d makes signals of 8 or more positions, not 7: use network=mlp"),
    ],
)
def test_other_data_are_refused_with_the_network_to_use(shape, sentence):
    for make in (lambda: conv1d.Generator(5, shape), lambda: conv1d.Discriminator(shape)):
        with pytest.raises(InputError, match=re.escape(sentence)):
            make()
