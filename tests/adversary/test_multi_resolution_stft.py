import math
import re

import pytest
import torch

from gan_lab.adversary.multi_resolution_stft import MultiResolutionSTFT, SpectrogramDiscriminator
from gan_lab.errors import InputError


def test_magnitudes_are_those_of_a_fourier_transform():
    """Against the sum of the definition, in the middle of a signal, where nothing is reflected."""
    discriminator = SpectrogramDiscriminator(16, 4, 16, width=2)
    x = torch.randn(1, 1, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = discriminator.magnitudes(x)
    assert found.shape == (1, 1, 9, 16)
    frame, first = 5, 5 * 4 - 6
    for k in (0, 3, 8):
        terms = [
            x[0, 0, first + n].item() * math.sin(math.pi * n / 16) ** 2 * torch.tensor(-2j * math.pi * k * n / 16).exp()
            for n in range(16)
        ]
        assert found[0, 0, k, frame].item() == pytest.approx(abs(sum(terms)).item(), abs=1e-6)


def test_each_resolution_has_a_map_and_every_weight_a_gradient():
    discriminator = MultiResolutionSTFT(2, ((32, 8, 16), (16, 4, 16)), width=3)
    x = torch.randn(2, 2, 80, requires_grad=True)
    logits, features = discriminator(x)
    assert [map_.shape[2] for map_ in logits] == [17, 9]
    assert [len(layers) for layers in features] == [6, 6]
    sum(map_.square().sum() for map_ in logits).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in discriminator.parameters())
    assert x.grad.abs().min() > 0


def test_silence_has_a_finite_gradient():
    x = torch.zeros(1, 1, 64, requires_grad=True)
    MultiResolutionSTFT(1, ((16, 4, 16),), 2)(x).logits[0].sum().backward()
    assert torch.isfinite(x.grad).all()


def test_under_autocast_the_transform_itself_is_exact():
    discriminator, x = SpectrogramDiscriminator(16, 4, 16, width=2), torch.randn(1, 1, 64)
    with torch.autocast("cpu", torch.bfloat16):
        found = discriminator.magnitudes(x)
    torch.testing.assert_close(found, discriminator.magnitudes(x.double()).float())


def test_short_signals_and_wrong_resolutions_are_refused():
    with pytest.raises(InputError, match="needs more than 904 samples, and these signals have 500"):
        SpectrogramDiscriminator(2048, 240, 1200, width=2)(torch.zeros(1, 1, 500))
    with pytest.raises(InputError, match=re.escape("(n_fft, hop, window) with hop <= window <= n_fft, not (16, 4, 32)")):
        SpectrogramDiscriminator(16, 4, 32)
