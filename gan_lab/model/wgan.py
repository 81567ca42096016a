"""Wasserstein GAN (Arjovsky 2017, https://arxiv.org/abs/1701.07875)."""

from typing import Any

import torch
from torch import Tensor

from gan_lab import losses
from gan_lab.model.batch import Batch
from gan_lab.model.gan import GAN
from gan_lab.ranges import Count, NonNegative, Whole


class WGAN(GAN):
    """The critic's mean difference estimates the Wasserstein distance; clipped weights keep it Lipschitz (algorithm 1).

    Differs from the paper: nothing in the algorithm; the authors' code clips before a step, not after it, and also trains the
    critic longer at first and now and then (`OfficialCriticSteps`), which is off by default.

    Args:
        clip: every weight of the critic, BatchNorm's included as in the authors' code, stays within +-``clip``.
        args: see `GAN`.
        kwargs: see `GAN`.
    """

    decision_threshold = None
    takes_targets = False

    def __init__(self, *args: Any, clip: NonNegative = 0.01, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clip = clip

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return E[D(G(z))] - E[D(x)], the negative of what the critic maximises (eq. 3)."""
        return losses.wasserstein_d(batch.real_logits, batch.fake_logits)

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return -E[D(G(z))], theorem 3 and algorithm 1, line 10."""
        return losses.wasserstein_g(batch.fake_logits)

    @torch.no_grad()
    def discriminator_step(self) -> None:
        """Step, then clip (algorithm 1, lines 6 and 7)."""
        super().discriminator_step()
        for network in self.networks_of("d"):
            for weight in network.module.parameters():
                if weight.requires_grad:
                    weight.clamp_(-self.clip, self.clip)


class OfficialCriticSteps:
    """The schedule of the authors' code: 100 critic steps for each of the first 25 steps of G and for every 500th, else 5."""

    def __init__(self, usual: Count = 5, many: Count = 100, first: Whole = 25, every: Count = 500) -> None:
        self.usual, self.many, self.first, self.every = usual, many, first, every

    def __call__(self, g_steps_done: int) -> int:
        """Return the number of critic steps before the next step of G."""
        return self.many if g_steps_done < self.first or g_steps_done % self.every == 0 else self.usual
