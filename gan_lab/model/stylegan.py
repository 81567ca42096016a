"""StyleGAN (Karras 2019, https://arxiv.org/abs/1812.04948)."""

from typing import Any

import torch
from torch import Tensor, nn

from gan_lab.errors import InputError
from gan_lab.model.batch import StepContext
from gan_lab.model.gan import GAN
from gan_lab.ranges import Fraction


class StyleGAN(GAN):
    """Goodfellow's losses with R1, progressive growing, and styles of two latents mixed within an image.

    The layers from a random one on take the styles of a second latent (style mixing, section 3.1). ``sample truncation=0.7``
    moves styles towards their mean (appendix B). A generator without styles is trained as it is.

    Differs from the paper: the crossover is drawn for each image, where the authors' code draws one for a batch; truncation
    moves the styles of all layers, where theirs leaves those of the highest resolutions.

    Args:
        generator: see `GANModule`; has ``mapping`` and ``synthesis`` as in ``network/stylegan.py``.
        discriminator: see `GANModule`.
        mixing: probability that an image has styles of two latents.
        args: see `GANModule`.
        kwargs: see `GANModule`.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, *args: Any, mixing: Fraction = 0.9, **kwargs: Any
    ) -> None:
        super().__init__(generator, discriminator, *args, **kwargs)
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
