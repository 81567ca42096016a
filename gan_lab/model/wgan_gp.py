"""Wasserstein GAN with gradient penalty (Gulrajani 2017, https://arxiv.org/abs/1704.00028)."""

from torch import Tensor

from gan_lab import losses
from gan_lab.model.batch import Batch
from gan_lab.model.gan import GAN


class WGANGP(GAN):
    """The critic is kept Lipschitz by a penalty on its gradient instead of by clipping (eq. 3).

    The penalty is ``penalty=wgan_gp`` (`gan_lab.penalties.GradientPenalty`), which this model's configuration chooses; the base
    adds it to the loss below.

    Differs from the paper: its CIFAR-10 networks have 128 channels in G too, and average where ours sum over positions.
    """

    decision_threshold = None
    takes_targets = False

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return E[D(G(z))] - E[D(x)], the first two terms of eq. 3."""
        return losses.wasserstein_d(batch.real_logits, batch.fake_logits)

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return -E[D(G(z))]."""
        return losses.wasserstein_g(batch.fake_logits)
