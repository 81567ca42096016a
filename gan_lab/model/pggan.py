"""Progressive growing of GANs (Karras 2018, https://arxiv.org/abs/1710.10196)."""

from gan_lab.model.wgan_gp import WGANGP


class PGGAN(WGANGP):
    """WGAN-GP whose networks grow: the resolution doubles from 4x4 on, each time fading in new layers (section 2).

    Growth is `gan_lab.growth.Growth`, which this model's configuration chooses and any model with a growing network may; the
    penalties are ``penalty=[wgan_gp,drift]``.

    Differs from the paper: labels are not used; a step of D sees as many reals as one of G makes fakes, whatever the level.
    """
