"""Geometric GAN, the hinge loss (Lim & Ye 2017, https://arxiv.org/abs/1705.02894)."""

from torch import Tensor

from gan_lab import losses
from gan_lab.model.batch import Batch
from gan_lab.model.gan import GAN


class HingeGAN(GAN):
    """D is a support vector machine on its own features: only logits within the margin have a gradient.

    Differs from the paper: no weight decay on D's last layer; the networks are DCGAN's.
    """

    takes_targets = False

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]."""
        return losses.hinge_d(batch.real_logits, batch.fake_logits)

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return -E[D(G(z))]."""
        return losses.wasserstein_g(batch.fake_logits)
