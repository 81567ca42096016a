"""Self-attention GAN (Zhang 2019, https://arxiv.org/abs/1805.08318)."""

from typing import Any

from torch import nn

from gan_lab.model.hinge import HingeGAN
from gan_lab.model.projection import with_labels
from gan_lab.ranges import Size


class SAGAN(HingeGAN):
    """The hinge loss with self-attention and spectral norm in both networks (``network/sagan.py``) and two learning rates.

    With labels D has a projection (Miyato & Koyama 2018) and G conditional BatchNorm; without, neither.

    Differs from the paper: an average of G's weights is judged, where the authors' code has G (``model.ema_half_life_kimg=0``);
    for the networks see their file.

    Args:
        generator: see `GANModule`.
        discriminator: see `GANModule`; has ``num_features``.
        num_classes: number of labels; None: none.
        embedding_init: see `ProjectionGAN`.
        args: see `GANModule`.
        kwargs: see `GANModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *args: Any,
        num_classes: Size | None,
        embedding_init: str = "glorot",
        **kwargs: Any,
    ) -> None:
        super().__init__(*with_labels(generator, discriminator, num_classes, embedding_init), *args, **kwargs)
