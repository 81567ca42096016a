"""The loop that one writes by hand, without Lightning: what `gan_lab.benchmark.step` measures our training against."""

import torch
from torch import Tensor

from gan_lab.model.base import Engine
from gan_lab.model.gan import GAN, sum_of
from gan_lab.rng import StepRNG, Stream


class PlainLoop:
    """Trains a GAN by its own batches, losses and steps with plain optimizers: the same mathematics.

    Left out are the average of G, records, schedules of the optimizers, parts of a batch and simultaneous steps; and as a plain
    loop does, it takes D's gradient in G's step too, which nobody uses.

    Args:
        gan: on its device; it cannot be trained otherwise afterwards.
        bf16: whether networks and losses are under autocast.
    """

    def __init__(self, gan: GAN, bf16: bool = False) -> None:
        self.gan, self.bf16 = gan, bf16
        gan.engine = Engine(gan)

    def step(self, real: Tensor, y: Tensor | None) -> None:
        """One step of D on these images and labels, and of G where it is due."""
        gan = self.gan
        gan.grow()
        real = gan.at_level(real)
        rng = StepRNG(gan.seed, Stream.STEP, gan.d_steps_done, device=gan.device)
        g_is_due = gan.d_steps_since_g + 1 >= gan.d_steps_now()

        gan.clear_gradients(*gan.networks_of("d"))
        with self.autocast():
            batch = gan.discriminator_batch(real, y, gan.context("d", rng))
            d_loss = sum_of(gan.discriminator_objective(batch))
        gan.set_tracked({"real_logits": batch.real_logits, "fake_logits": batch.fake_logits})  # by which the next step may wait
        d_loss.backward()
        gan.discriminator_step()

        if g_is_due:
            with self.autocast():
                g_loss = sum_of(gan.generator_objective(gan.generator_batch(real, y, gan.context("g", rng))))
            g_loss.backward()
            gan.generator_step()
        gan.advance_clocks(len(real), g_is_due)

    def autocast(self) -> torch.autocast:
        """Around networks and losses; gradients are taken outside."""
        return torch.autocast(self.gan.device.type, torch.bfloat16, enabled=self.bf16, cache_enabled=False)
