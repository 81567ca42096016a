"""StyleGAN2 (Karras 2020, https://arxiv.org/abs/1912.04958), in the settings of StyleGAN2-ADA."""

from typing import Any

from torch import nn

from gan_lab.model.projection import with_labels
from gan_lab.model.stylegan import StyleGAN
from gan_lab.ranges import Size


class StyleGAN2(StyleGAN):
    """StyleGAN without growth, with lazy R1 and path length regularization, and with labels if there are any.

    What is new lies in the networks (``network/stylegan2.py``), in ``penalty=r1_lazy`` and in ``regularizer=path_length``.

    Differs from the paper: the lazy terms join the main loss, so no learning rate is corrected.

    Args:
        generator: see `GANModule`; has ``mapping`` and ``synthesis`` as in ``network/stylegan2.py``.
        discriminator: see `GANModule`.
        num_classes: number of labels; None: none.
        args: see `StyleGAN`.
        kwargs: see `StyleGAN`.
    """

    batch_dependent = True  # the path lengths' running mean

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, *args: Any, num_classes: Size | None, **kwargs: Any
    ) -> None:
        super().__init__(*with_labels(generator, discriminator, num_classes), *args, **kwargs)
