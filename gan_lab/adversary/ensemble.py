"""Several discriminators as one: of the same input, or of the input at several scales."""

from collections.abc import Iterable
from itertools import chain

from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, avg_pool2d

from gan_lab.adversary.outputs import Outputs, see


class Ensemble(nn.Module):
    """Discriminators that all see the same input: ``Ensemble(MultiPeriod(), MultiResolutionSTFT())``.

    Args:
        discriminators: from one input to logits, or to `Outputs`.
    """

    def __init__(self, *discriminators: nn.Module) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(discriminators)

    def forward(self, x: Tensor) -> Outputs:
        """Return logits and features of all."""
        made = [see(discriminator, seen) for discriminator, seen in zip(self.discriminators, self.inputs(x), strict=True)]
        return Outputs(*(list(chain.from_iterable(parts)) for parts in zip(*made, strict=True)))

    def inputs(self, x: Tensor) -> Iterable[Tensor]:
        """Return the input of each."""
        return [x] * len(self.discriminators)


class MultiScale(Ensemble):
    """Discriminators of which each sees the input at half the resolution of the one before it.

    ``MultiScale(PatchGAN(3), PatchGAN(3), PatchGAN(3))`` is that of pix2pixHD (Wang 2018, https://arxiv.org/abs/1711.11585,
    section 3.2); signals (N, C, L) are pooled as in MelGAN (Kumar 2019, https://arxiv.org/abs/1910.06711).
    """

    def inputs(self, x: Tensor) -> Iterable[Tensor]:
        """Return the input, averaged once more for each discriminator."""
        scales = [x]
        for _ in self.discriminators[1:]:
            scales.append(halved(scales[-1]))
        return scales


def halved(x: Tensor) -> Tensor:
    """Return images (N, C, H, W), averaged over 3x3, or signals (N, C, L), averaged over 4, at every other position.

    As in the authors' code: positions outside an image do not count, those outside a signal are 0.
    """
    return avg_pool2d(x, 3, 2, 1, count_include_pad=False) if x.ndim == 4 else avg_pool1d(x, 4, 2, 2)
