"""Relativistic standard GAN (Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734)."""

from torch import Tensor

from gan_lab import losses
from gan_lab.model.batch import Batch
from gan_lab.model.gan import GAN


class RSGAN(GAN):
    """D estimates how much more real an image is than one of the other kind, and G moves both sides of the comparison.

    Differs from the paper: a step of G takes the reals of the step of D before it, where the authors' code draws others.
    """

    decision_threshold = None
    takes_targets = False

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return -E[log sigma(D(x) - D(G(z)))]: real i is compared with fake i."""
        return losses.relativistic_d(batch.real_logits, batch.fake_logits)

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return -E[log sigma(D(G(z)) - D(x))]."""
        return losses.relativistic_g(batch.real_logits, batch.fake_logits)
