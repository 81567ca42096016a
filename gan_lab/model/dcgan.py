"""Deep convolutional GAN (Radford 2016, https://arxiv.org/abs/1511.06434)."""

from gan_lab.model.gan import GAN


class DCGAN(GAN):
    """Goodfellow's algorithm with a new pair of networks (``network/dcgan.py``) and Adam at 2e-4 with beta1 0.5.

    Differs from the paper: latents are normal where the paper has uniform ones (``model/latent=uniform``), and the batch is
    the data's.
    """
