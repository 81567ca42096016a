"""UnivNet's discriminator of spectrograms (Jang 2021, https://arxiv.org/abs/2106.07889, section 2.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad
from torch.nn.utils.parametrizations import weight_norm

from gan_lab.adversary.ensemble import Ensemble
from gan_lab.adversary.outputs import Outputs
from gan_lab.errors import InputError
from gan_lab.ranges import Size

SLOPE = 0.2
RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
"""UnivNet's (n_fft, hop, window), in samples at 24 kHz."""


class MultiResolutionSTFT(Ensemble):
    """Signals (N, channels, L) -> a map of logits for each resolution of their spectrograms.

    Args:
        channels: of a signal.
        resolutions: (n_fft, hop, window) of each, in samples.
        width: channels of each layer.
    """

    def __init__(
        self, channels: Size = 1, resolutions: Sequence[tuple[Size, Size, Size]] = RESOLUTIONS, width: Size = 32
    ) -> None:
        super().__init__(*(SpectrogramDiscriminator(*resolution, channels, width) for resolution in resolutions))


class SpectrogramDiscriminator(nn.Module):
    """A discriminator of the magnitudes of one short-time Fourier transform, which is taken in float32 or better.

    Differs from the authors' code: a Hann window, where that has none.

    Args:
        n_fft: samples of a transform.
        hop: samples between two.
        window: samples that are not 0.
        channels: of a signal.
        width: channels of each layer.
    """

    hann: Tensor

    def __init__(self, n_fft: Size, hop: Size, window: Size, channels: Size = 1, width: Size = 32) -> None:
        super().__init__()
        if not hop <= window <= n_fft:
            raise InputError(
                f"a resolution is (n_fft, hop, window) with hop <= window <= n_fft, not ({n_fft}, {hop}, {window})"
            )
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("hann", torch.hann_window(window), persistent=False)
        convolutions = [nn.Conv2d(channels, width, (3, 9), 1, (1, 4))]
        convolutions += [nn.Conv2d(width, width, (3, 9), (1, 2), (1, 4)) for _ in range(3)]
        convolutions.append(nn.Conv2d(width, width, 3, 1, 1))
        self.layers = nn.ModuleList(map(weight_norm, convolutions))
        self.output = weight_norm(nn.Conv2d(width, 1, 3, 1, 1))

    def forward(self, x: Tensor) -> Outputs:
        """Return the map (N, 1, frequencies, frames'), and the features: every layer, and the logits too."""
        x, features = self.magnitudes(x), []
        for layer in self.layers:
            features.append(x := leaky_relu(layer(x), SLOPE))
        logits = self.output(x)
        return Outputs([logits], [[*features, logits]])

    def magnitudes(self, x: Tensor) -> Tensor:
        """Return the spectrogram (N, channels, n_fft // 2 + 1, frames) of signals (N, channels, L).

        Raises:
            InputError: the signal is too short to be reflected at its ends.
        """
        edge = (self.n_fft - self.hop) // 2
        if x.shape[2] <= edge:
            raise InputError(
                f"a spectrogram with n_fft={self.n_fft} and hop={self.hop} needs more than {edge} samples, and these signals "
                f"have {x.shape[2]}: give MultiResolutionSTFT shorter resolutions"
            )
        with torch.autocast(x.device.type, enabled=False):
            signals = pad(x.to(torch.promote_types(x.dtype, torch.float32)), (edge, edge), "reflect").flatten(0, 1)
            window = self.hann.to(signals.dtype)
            spectra = torch.stft(signals, self.n_fft, self.hop, len(window), window, center=False, return_complex=True)
            return spectra.abs().unflatten(0, x.shape[:2]).to(x.dtype)
