"""Least squares GAN (Mao 2017, https://arxiv.org/abs/1611.04076)."""

from torch import Tensor

from gan_lab import losses
from gan_lab.model.batch import Batch
from gan_lab.model.gan import GAN


class LSGAN(GAN):
    """Logits are regressed to targets, so that fakes far on the right side of the boundary still have a gradient (eq. 9).

    Differs from the paper: the networks are DCGAN's.
    """

    takes_targets = False

    decision_threshold = 0.5

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return E[(D(x) - 1)^2] / 2 + E[D(G(z))^2] / 2, eq. 9."""
        return losses.least_squares_d(batch.real_logits, batch.fake_logits)

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return E[(D(G(z)) - 1)^2] / 2, eq. 9."""
        return losses.least_squares_g(batch.fake_logits)
