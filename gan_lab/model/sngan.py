"""Spectrally normalised GAN (Miyato 2018, https://arxiv.org/abs/1802.05957)."""

from gan_lab.model.hinge import HingeGAN


class SNGAN(HingeGAN):
    """The hinge loss (eq. 16, 17) with spectral normalisation: each layer of D has a largest singular value of 1.

    That is ``network.discriminator.norm=spectral``, which this model's configuration chooses; the paper's networks are
    ``resnet`` and ``sndcgan``.

    Differs from the paper: an average of G's weights is judged, there G (``model.ema_half_life_kimg=0``).
    """
