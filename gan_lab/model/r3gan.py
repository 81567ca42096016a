"""R3GAN, the modern baseline (Huang 2024, https://arxiv.org/abs/2501.05441)."""

from typing import Any

from torch import nn

from gan_lab.model.base.step import set_option
from gan_lab.model.projection import with_labels
from gan_lab.model.rsgan import RSGAN
from gan_lab.ranges import BelowOne, Count, Size
from gan_lab.schedules import Cosine


class R3GAN(RSGAN):
    """The relativistic loss, which converges under R1 and R2 together, with a modern pair of networks (``network/r3gan.py``).

    Over a burn-in of real images five numbers move along half a cosine: the learning rate, Adam's beta2, the weight of R1 and
    R2, the half-life of the average, and the probability of augmentation. This model's configuration chooses all but the last.

    Differs from the paper: a step of G takes the reals of the step of D before it, where the authors' code draws others;
    augmentation is the user's choice. With labels, networks without an embedding of their own get those of `Projection`.

    Args:
        generator: see `GANModule`.
        discriminator: see `GANModule`; has ``num_features``.
        num_classes: number of labels; None: none.
        burn_in_images: the length of the burn-in.
        beta2: of both optimizers, at first and after the burn-in.
        args: see `GANModule`.
        kwargs: see `GANModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *args: Any,
        num_classes: Size | None,
        burn_in_images: Count,
        beta2: tuple[BelowOne, BelowOne] = (0.9, 0.99),
        **kwargs: Any,
    ) -> None:
        super().__init__(*with_labels(generator, discriminator, num_classes), *args, **kwargs)
        self.beta2 = Cosine(burn_in_images, beta2[0], beta2[1])

    moving_options = ("lr", "betas")

    def begin_step(self) -> None:
        """Set the betas as well."""
        super().begin_step()
        for optimizer in self.all_optimizers:
            for group in optimizer.param_groups:
                if "betas" in group:
                    set_option(group, "betas", (group["betas"][0], self.beta2(self.images_seen)))
