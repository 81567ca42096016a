"""StyleGAN2 (Karras 2020, https://arxiv.org/abs/1912.04958), in the settings of StyleGAN2-ADA."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gan_lab.errors import InputError
from gan_lab.model.batch import StepContext
from gan_lab.model.gan import GAN
from gan_lab.model.projection import with_labels


class StyleGAN2(GAN):
    """Goodfellow's losses with lazy R1 and path length regularization; styles of two latents are mixed within an image.

    The layers from a random one on take the styles of a second latent (style mixing, Karras 2019, section 3.1).
    ``sample truncation=0.7`` moves styles towards their mean. A generator without styles is trained as it is.

    Differs from the paper: the lazy terms join the main loss, so no learning rate is corrected; the crossover is drawn for each
    image, where the authors' code draws one for a batch.

    Args:
        generator: see `GANModule`; has ``mapping`` and ``synthesis`` as in ``network/stylegan2.py``.
        discriminator: see `GANModule`.
        num_classes: number of labels; None: none.
        mixing: probability that an image has styles of two latents.
        args: see `GANModule`.
        kwargs: see `GANModule`.
    """

    batch_dependent: ClassVar[bool] = True  # D's minibatch statistics, and the path lengths' running mean
    compares_images: ClassVar[bool] = True

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *args: Any,
        num_classes: int | None,
        mixing: float = 0.9,
        **kwargs: Any,
    ) -> None:
        super().__init__(*with_labels(generator, discriminator, num_classes), *args, **kwargs)
        self.mixing = mixing

    def fakes(self, z: Tensor, y: Tensor | None, step: StepContext) -> Tensor:
        """Return the images of mixed styles."""
        generator = step.generator
        if not self.mixing or not has_styles(generator):
            return super().fakes(z, y, step)
        n, second = generator.synthesis.num_styles, self.latents(len(z), step)
        chance, place = step.rng.uniform(len(z), 1), step.rng.uniform(len(z), 1)
        first = 1 + (place * (n - 1)).floor()  # the first layer with the second latent, 1 to n - 1
        return generator(z, y, second, (chance < self.mixing) & (torch.arange(n, device=z.device) >= first))

    def truncated(self, generator: Any, z: Tensor, y: Tensor | None, truncation: float) -> Tensor:
        """Return G's images of the styles mean + ``truncation`` (w - mean)."""
        if not has_styles(generator):
            return super().truncated(generator, z, y, truncation)
        if truncation < 0:
            raise InputError(f"truncation={truncation} is invalid: give a number from 0 to 1, or null")
        return generator(z, y, truncation=truncation)


def has_styles(generator: Any) -> bool:
    """Return whether a generator maps latents to styles, and those to images."""
    return hasattr(generator, "mapping") and hasattr(generator, "synthesis")
