"""LOGAN, latent optimisation (Wu 2019, https://arxiv.org/abs/1912.00953)."""

from typing import Any

import torch
from torch import Tensor

from gan_lab.convolutions import TwiceDifferentiable, gradients
from gan_lab.model.batch import Batch, StepContext
from gan_lab.model.hinge import HingeGAN
from gan_lab.ranges import Fraction, NonNegative, PositiveOrInfinite


class LOGAN(HingeGAN):
    """Before both players' steps the latents move one step uphill on D(G(z)), and G learns through that step (algorithm 1).

    Differs from the paper: D's step takes the moved latents as they are, where the paper's gradient reaches D through the step
    on z too; it is always the last of the latents that stay. Samples are made without the step.

    Args:
        args: see `GANModule`.
        latent_step: the gradient of D(G(z)) (N, dim) -> the change of z; of size 0: this is `HingeGAN`.
        latent_weight: of the squared length of the change, in G's loss.
        latent_share: of each z that may change.
        latent_bound: moved latents stay within +-``latent_bound``, as uniform ones are.
        kwargs: see `GANModule`.
    """

    def __init__(
        self,
        *args: Any,
        latent_step: "GradientStep",
        latent_weight: NonNegative,
        latent_share: Fraction,
        latent_bound: PositiveOrInfinite = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.latent_step, self.latent_weight = latent_step, latent_weight
        self.latent_share, self.latent_bound = latent_share, latent_bound
        self.change: Tensor | None = None

    def fakes(self, z: Tensor, y: Tensor | None, step: StepContext) -> Tensor:
        """Return the images that G makes of the moved latents."""
        if not self.latent_step.size:
            return super().fakes(z, y, step)
        moved = self.moved(z, y, step)
        self.change = moved - z
        return super().fakes(moved, y, step)

    def moved(self, z: Tensor, y: Tensor | None, step: StepContext) -> Tensor:
        """Return the latents after the step, differentiable through it where gradients are taken, in G's step."""
        differentiable = torch.is_grad_enabled()
        with torch.enable_grad():
            start = z.detach().requires_grad_()
            with TwiceDifferentiable():
                logits = self.logits(step.generator(start, y).to(z.dtype), y, step)
            (gradient,) = gradients(logits.sum(), start, create_graph=differentiable)
        free = torch.arange(z.shape[1], device=z.device) < round(self.latent_share * z.shape[1])
        return (z + self.latent_step(gradient) * free).clamp(-self.latent_bound, self.latent_bound)

    def generator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted E[|dz|^2]."""
        change, self.change = self.change, None
        return {} if change is None else {"g_latent_change": self.latent_weight * change.square().sum(1).mean()}


class GradientStep:
    """dz = ``size`` g (eq. 4)."""

    def __init__(self, size: NonNegative) -> None:
        self.size = size

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the change of z, (N, dim)."""
        return self.size * gradient


class NaturalStep(GradientStep):
    """dz = ``size`` g / (``damping`` + |g|^2): the natural gradient under the empirical Fisher matrix g g' (eq. 12)."""

    def __init__(self, size: NonNegative, damping: NonNegative) -> None:
        super().__init__(size)
        self.damping = damping

    def __call__(self, gradient: Tensor) -> Tensor:
        """Return the change of z, (N, dim)."""
        return super().__call__(gradient) / (self.damping + gradient.square().sum(1, keepdim=True))
