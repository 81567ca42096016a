import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.sampling.mode.spectrum import Spectrum, radial_frequencies, radial_spectrum
from tests.sampling.runs import request


def test_a_wave_has_its_power_at_its_own_frequency():
    x = torch.arange(32)
    wave = torch.cos(2 * torch.pi * 5 * x / 32).expand(1, 1, 32, 32)
    for image in (wave, wave.mT):
        spectrum = radial_spectrum(image)
        assert spectrum.argmax() == 4  # the first ring is 1 cycle per image
        assert radial_frequencies(32, 32)[4] == pytest.approx(5 / 32)
        assert spectrum.flatten().sort().values[-2] < spectrum.max() - 60


def test_white_noise_is_flat_and_its_level_is_its_variance():
    noise = torch.randn(200, 3, 16, 24, generator=torch.Generator().manual_seed(0)) * 10
    torch.testing.assert_close(radial_spectrum(noise).mean(0), torch.full((8,), 20.0).double(), atol=0.5, rtol=0)


def test_numbers_stand_beside_the_picture(draw):
    _, facts = draw("mode=spectrum", "n=20")
    assert len(facts["cycles_per_pixel"]) == len(facts["reals"]["mean_db"]) == len(facts["samples"]["sd_db"]) == 4
    assert facts["samples"]["n"] == 20 and facts["mean_gap_db"] > 0


def test_points_are_refused():
    with pytest.raises(InputError, match="mode=spectrum needs images"):
        Spectrum().check(request("points"))
