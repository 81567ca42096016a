"""Adversarial flow models (Lin 2025, https://arxiv.org/abs/2511.22475): GANs whose G learns the optimal transport."""

from typing import Any

import torch
from torch import Tensor, nn

from gan_lab.convolutions import gradients
from gan_lab.model.batch import Batch
from gan_lab.model.conditional import LabelledGenerator
from gan_lab.model.projection import with_labels
from gan_lab.model.rsgan import RSGAN
from gan_lab.ranges import BelowOne, Size


class AFM(RSGAN):
    """G moves noise of the data's shape to the data, as little as it can: a relativistic GAN with a transport term.

    The term is `regularizers.Transport`; R1, R2 and the centring of logits are penalties. The gradient of the adversarial loss
    at the samples is divided by its running root mean square, so that the transport's weight means the same whatever D.

    Differs from the paper: one step from noise to data, without its flow times, guidance and classifier; on images themselves,
    where its ImageNet models have an autoencoder's latents. A step of G takes the reals of the step of D before it, where the
    authors' code draws others. The running mean square has no pull of a start at 0; the gradient is taken before augmentation.
    The average's half-life is at first a share of the images seen (``ema_ramp``).

    Args:
        generator: see `GANModule`; its latents have as many numbers as a sample.
        discriminator: see `GANModule`.
        num_classes: number of labels; None: none.
        embedding_dim: numbers that stand for a label beside the latents of a generator that takes no labels.
        gradient_decay: of the gradient's mean square, per step of G; None: the gradient is not normalised.
        args: see `GANModule`.
        kwargs: see `GANModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *args: Any,
        num_classes: Size | None,
        embedding_dim: Size = 10,
        gradient_decay: BelowOne | None = 0.9,
        **kwargs: Any,
    ) -> None:
        if num_classes is not None and getattr(generator, "num_classes", None) is None:
            generator = LabelledGenerator(generator, num_classes, embedding_dim)
        super().__init__(*with_labels(generator, discriminator, num_classes), *args, **kwargs)
        self.batch_dependent |= gradient_decay is not None  # the gradient's norm is that of the batch
        self.gradient_norm = None if gradient_decay is None else GradientNormalization(gradient_decay)

    def generator_objective(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of G's loss, the adversarial one with a gradient of norm 1 at each number of a sample."""
        objective = super().generator_objective(batch)
        if self.gradient_norm is not None:
            objective["g_loss"] = self.gradient_norm(objective["g_loss"], batch.fake)
        return objective


class GradientNormalization(nn.Module):
    """A loss with another gradient at the samples: divided by its running root mean square over all of their numbers.

    Taken of the batch's sum, not of its mean, so that neither the size of a batch nor the number of processes or parts matters.
    In evaluation mode a loss stays as it is.

    Args:
        decay: of the mean square.
    """

    sums: Tensor

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        # Sums of mean squares and of ones; each step counts ``decay`` times as much as the next.
        self.register_buffer("sums", torch.zeros(2))

    def forward(self, loss: Tensor, samples: Tensor) -> Tensor:
        """Return a scalar of the value of ``loss`` whose gradient at the samples (N, ...) is that of the mean of unit ones."""
        if not self.training:
            return loss
        (gradient,) = gradients(loss * samples.numel(), samples, create_graph=False, retain_graph=True)
        self._observe(gradient.square().mean())
        direction = gradient / ((self.sums[0] / self.sums[1]).sqrt() + 1e-8)
        surrogate = (samples * direction).mean()
        return loss.detach() + surrogate - surrogate.detach()

    def _observe(self, mean_square: Tensor) -> None:
        """Add the mean square of a batch, or of a part of one, to the sums."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(mean_square)
            mean_square /= torch.distributed.get_world_size()
        self.sums.mul_(self.decay).add_(torch.stack([mean_square, torch.ones_like(mean_square)]).to(self.sums.dtype))
