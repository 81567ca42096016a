"""Instance noise (Sønderby 2017, https://arxiv.org/abs/1610.04490; Arjovsky & Bottou 2017, https://arxiv.org/abs/1701.04862)."""

from torch import Tensor, nn

from gan_lab.rng import StepRNG
from gan_lab.schedules import Schedule, value


class InstanceNoise(nn.Module):
    """Gaussian noise on all that D sees, which fades: reals and fakes that share no support overlap at first.

    Args:
        std: of the rng, where pixels are in [-1, 1]; a number, or a schedule in images.
    """

    def __init__(self, std: float | Schedule) -> None:
        super().__init__()
        self.std = std

    def forward(self, images: Tensor, rng: StepRNG, images_seen: int) -> Tensor:
        """Images or points with noise of this time's size; as they are once it is 0."""
        std = value(self.std, images_seen)
        return images + std * rng.normal(*images.shape).to(images.dtype) if std else images
