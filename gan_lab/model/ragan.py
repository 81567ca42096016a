"""Relativistic average GAN (Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734)."""

from torch import Tensor

from gan_lab import losses
from gan_lab.model.batch import Batch
from gan_lab.model.gan import GAN


class RaGAN(GAN):
    """D estimates how much more real an image is than the average one of the other kind.

    Differs from the paper: a step of G takes the reals of the step of D before it, where the authors' code draws others. The
    averages are those of a process's part of the batch. The losses are the paper's sums, which the authors' code halves.
    """

    decision_threshold = None
    takes_targets = False
    batch_dependent = True

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return -E[log sigma(D(x) - E D(G(z)))] - E[log(1 - sigma(D(G(z)) - E D(x)))]."""
        return losses.relativistic_average_d(batch.real_logits, batch.fake_logits)

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return -E[log sigma(D(G(z)) - E D(x))] - E[log(1 - sigma(D(x) - E D(G(z))))]."""
        return losses.relativistic_average_g(batch.real_logits, batch.fake_logits)
