"""BigGAN, large scale GAN training (Brock 2019, https://arxiv.org/abs/1809.11096)."""

from typing import Any

from torch import nn

from gan_lab.model.hinge import HingeGAN
from gan_lab.model.projection import with_labels
from gan_lab.ranges import Size


class BigGAN(HingeGAN):
    """The hinge loss with hierarchical latents and a shared embedding of the labels; truncation and standing statistics.

    The latents, the embedding, orthogonal initial weights and spectral norm are the network's (``network/biggan.py``). With
    labels D has a projection; without, G's latents alone condition its BatchNorm. ``sample truncation=0.5`` trades variety for
    quality, for which ``regularizer=orthogonal`` prepares G (section 3.1).

    Differs from the paper: fakes take the labels of the reals beside them; images are sampled from standing statistics also in
    validation.

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
