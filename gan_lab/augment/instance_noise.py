"""Instance noise (Sønderby 2017, https://arxiv.org/abs/1610.04490; Arjovsky & Bottou 2017, https://arxiv.org/abs/1701.04862)."""

from torch import Tensor, nn

from gan_lab.ranges import NonNegative
from gan_lab.rng import StepRNG
from gan_lab.schedules import Schedule, is_zero, value


class InstanceNoise(nn.Module):
    """Decaying Gaussian noise on all that D sees: reals and fakes with disjoint supports overlap at first.

    Args:
        std: of the rng, where pixels are in [-1, 1]; a number, or a schedule in images.
    """

    def __init__(self, std: NonNegative | Schedule) -> None:
        super().__init__()
        self.std = std

    def forward(self, images: Tensor, rng: StepRNG, images_seen: int) -> Tensor:
        """Return images or points with noise at its current level; unchanged once that is 0."""
        std = value(self.std, images_seen)
        return images if is_zero(std) else images + std * rng.normal(*images.shape).to(images.dtype)
