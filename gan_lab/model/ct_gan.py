"""CT-GAN, the consistency term (Wei 2018, https://arxiv.org/abs/1803.01541)."""

from gan_lab.model.wgan_gp import WGANGP


class CTGAN(WGANGP):
    """WGAN-GP with a consistency term: two passes of a real through the critic, with different dropout, must agree (eq. 4, 5).

    The term is ``penalty=dropout_consistency`` (`gan_lab.logit_penalties.DropoutConsistency`), which this model's configuration
    chooses beside ``wgan_gp``; the critic has dropout in every pass.

    Differs from the paper: its class labels are left out (the unsupervised results); as configured G has 256 channels where the
    authors' CIFAR-10 code has 128, every block of the critic but the first drops half where that drops 0.2, 0.5 and 0.5, and
    features are sums over positions where those are means. ``experiment=ct_gan_cifar10`` has its values.
    """
