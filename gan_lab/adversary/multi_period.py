"""HiFi-GAN's discriminator of periods (Kong 2020, https://arxiv.org/abs/2010.05646, section 2.3), as in jik876/hifi-gan."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad
from torch.nn.utils.parametrizations import weight_norm

from gan_lab.adversary.ensemble import Ensemble
from gan_lab.adversary.outputs import Outputs
from gan_lab.ranges import Size

SLOPE = 0.1


class MultiPeriod(Ensemble):
    """Signals (N, channels, L) of any length -> a map of logits for each period; 41,105,770 parameters.

    Args:
        channels: of a signal.
        periods: primes, so that their samples overlap as little as can be.
        width: channels of the first layer.
    """

    def __init__(self, channels: Size = 1, periods: Sequence[Size] = (2, 3, 5, 7, 11), width: Size = 32) -> None:
        super().__init__(*(PeriodDiscriminator(period, channels, width) for period in periods))


class PeriodDiscriminator(nn.Module):
    """A discriminator of every ``period``-th sample: the signal, folded to (L / period, period), by kernels one sample wide.

    Args:
        period: samples of a row; the last row is filled by reflection.
        channels: of a signal.
        width: channels of the first layer; 4, 16, 32 and 32 times as many follow.
    """

    def __init__(self, period: Size, channels: Size = 1, width: Size = 32) -> None:
        super().__init__()
        self.period = period
        widths = [channels, *(width * factor for factor in (1, 4, 16, 32))]
        convolutions = [nn.Conv2d(a, b, (5, 1), (3, 1), (2, 0)) for a, b in pairwise(widths)]
        convolutions.append(nn.Conv2d(widths[-1], widths[-1], (5, 1), 1, (2, 0)))
        self.layers = nn.ModuleList(map(weight_norm, convolutions))
        self.output = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), 1, (1, 0)))

    def forward(self, x: Tensor) -> Outputs:
        """Return the map (N, 1, rows, period), and the features: every layer, and as in the authors' code the logits too."""
        x = pad(x, (0, -x.shape[2] % self.period), "reflect").unflatten(2, (-1, self.period))
        features = []
        for layer in self.layers:
            features.append(x := leaky_relu(layer(x), SLOPE))
        logits = self.output(x)
        return Outputs([logits], [[*features, logits]])
