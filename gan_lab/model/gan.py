"""Generative adversarial nets (Goodfellow 2014, https://arxiv.org/abs/1406.2661): the first GAN and the base of all others.

Images are (N, C, H, W) in [-1, 1], points (N, 2, 1, 1), scores raw (N,), labels ``y`` (N,) or None.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_lab import losses
from gan_lab.model.base import GANModule, Step
from gan_lab.model.batch import Batch


class GAN(GANModule):
    """D learns to tell reals from fakes, G to be taken for real: algorithm 1 of the paper.

    Algorithm 1: for k = ``d_steps`` minibatches descend on D's loss (eq. 1), then descend once on G's. One batch is one step of
    D, on fresh reals; every ``d_steps``-th batch is also a step of G, with latents of its own.

    Differs from the paper: G's loss is the non-saturating one by default (the paper's section 3 proposes it; its box has
    `losses.saturating_g`), and an average of G's weights is what is judged and sampled.

    What the constructor takes: see `GANModule`.
    """

    takes_targets: ClassVar[bool] = True

    # ----- the two losses --------------------------------------------------------------------------------------------

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """-E[log sigma(D(x))] - E[log(1 - sigma(D(G(z))))], eq. 1; with the targets that tricks have softened."""
        return losses.vanilla_d(batch.real_logits, batch.fake_logits, *self.targets(batch))

    def generator_loss(self, batch: Batch) -> Tensor:
        """``g_loss`` of the fake scores."""
        return self.g_loss(batch.fake_logits)

    def discriminator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """What this algorithm adds to D's loss beside the contest, by name; asked before the scores."""
        return {}

    def generator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """What this algorithm adds to G's loss beside the contest, by name; asked before the scores."""
        return {}

    def discriminator_objective(self, batch: Batch) -> dict[str, Tensor]:
        """D's loss and what this algorithm, penalties and tricks add to it, by name."""
        terms = self.discriminator_terms(batch)
        terms |= {name: p(self.logits, batch) for name, p in self.named_penalties() if p.is_due(batch)}
        return {"d_loss": self.discriminator_loss(batch)} | terms | self.terms_of_tricks("discriminator")

    def generator_objective(self, batch: Batch) -> dict[str, Tensor]:
        """G's loss and what this algorithm, regularizers and tricks add to it, by name."""
        terms = self.generator_terms(batch) | {name: r(self.generator, batch) for name, r in self.regularizers.items()}
        return {"g_loss": self.generator_loss(batch)} | terms | self.terms_of_tricks("generator")

    # ----- the alternation -------------------------------------------------------------------------------------------

    def training_step(self, batch: Step, batch_idx: int) -> None:
        """One step of D, and of G when it is due."""
        real, y = batch[0].to(self.float_type), batch[1]
        self.begin_step()
        g_is_due = self.d_steps_since_g + 1 >= self.d_steps_now()

        self.accumulate_gradients(self.discriminator_gradient, real, y)
        if not self.simultaneous:
            self.discriminator_step()
        if g_is_due:
            self.accumulate_gradients(self.generator_gradient, real, y)
        if self.simultaneous:
            self.discriminator_step()
        if g_is_due:
            self.generator_step()

        self.end_step(len(real), g_is_due)

    def discriminator_gradient(self, real: Tensor, y: Tensor | None) -> None:
        """The gradient of all that D descends on, on reals and on fakes that G makes now."""
        batch = self.discriminator_batch(real, y)
        objective = self.discriminator_objective(batch)
        self.track(real_logits=batch.real_logits, fake_logits=batch.fake_logits, **objective)
        self.manual_backward(sum_of(objective))

    def discriminator_step(self) -> None:
        """Move D along its gradient, and forget that."""
        self.all_optimizers[1].step()
        self.all_optimizers[1].zero_grad()

    def generator_gradient(self, real: Tensor, y: Tensor | None) -> None:
        """The gradient of all that G descends on, on fresh fakes; D is frozen meanwhile, so that no gradient is spent on it."""
        with self.opponent("discriminator"), frozen(self.discriminator):
            objective = self.generator_objective(self.generator_batch(real, y))
            self.track(**objective)
            self.manual_backward(sum_of(objective))

    def generator_step(self) -> None:
        """Move G along its gradient, and forget that."""
        self.all_optimizers[0].step()
        self.all_optimizers[0].zero_grad()

    # ----- what the two see ------------------------------------------------------------------------------------------

    def discriminator_batch(self, real: Tensor, y: Tensor | None) -> Batch:
        """Reals, and as many fakes, from which no gradient reaches G."""
        z = self.step_latents(real, 1)
        with torch.no_grad(), self.opponent("generator"):
            fake = self.fakes(z, y).to(real.dtype)
        for _, trick in self.named_tricks():
            fake = trick.fakes(fake, self.rng)
        return self.batch(real, fake, y, y, z)

    def generator_batch(self, real: Tensor, y: Tensor | None) -> Batch:
        """Reals, and ``g_batch_ratio`` times as many fakes."""
        z = self.step_latents(real, self.g_batch_ratio)
        fake_y = None if y is None else y.repeat_interleave(self.g_batch_ratio)
        return self.batch(real, self.fakes(z, fake_y).to(real.dtype), y, fake_y, z)

    @contextmanager
    def opponent(self, name: str) -> Iterator[None]:
        """Within it, what tricks choose plays for a network, and the other one learns from that."""
        own = player = getattr(self, name)
        for _, trick in self.named_tricks():
            player = trick.opponent(name, player, self)
        setattr(self, name, player)
        try:
            yield
        finally:
            setattr(self, name, own)

    def batch(self, real: Tensor, fake: Tensor, y: Tensor | None, fake_y: Tensor | None, z: Tensor) -> Batch:
        """What losses, penalties and regularizers look at."""
        now = (self.rng, self.images_seen, self.d_steps_done)
        return Batch(real, fake, y, fake_y, self.logits, *now, self.features, self.head, z)

    def fakes(self, z: Tensor, y: Tensor | None) -> Tensor:
        """What G makes of these latents in a step."""
        return self.generator(z, y)

    def step_latents(self, real: Tensor, ratio: int) -> Tensor:
        """The latents of a step on these reals, ``ratio`` for each."""
        return self.latents(len(real) * ratio)

    def latents(self, n: int) -> Tensor:
        """This step's next latents (n, latent_dim)."""
        return self.latent(self.rng, n, self.generator.latent_dim).to(self.float_type)

    def targets(self, batch: Batch) -> tuple[Tensor, Tensor] | tuple[()]:
        """What D's loss compares the scores of reals and of fakes with, each (N,); nothing where no trick changes them."""
        if not self.tricks:
            return ()
        real, fake = torch.ones_like(batch.real_logits), torch.zeros_like(batch.fake_logits)
        for _, trick in self.named_tricks():
            real, fake = (trick.targets(values, is_real, self.rng) for values, is_real in ((real, True), (fake, False)))
        return real, fake

    def terms_of_tricks(self, network: str) -> dict[str, Tensor]:
        """What tricks add to the loss of a network."""
        terms = {name: trick.term(network, getattr(self, network)) for name, trick in self.named_tricks()}
        return {f"{network[0]}_{name}": term for name, term in terms.items() if term is not None}


def sum_of(objective: Mapping[str, Tensor]) -> Tensor:
    """Its terms together, a scalar."""
    first, *others = objective.values()
    return sum(others, first)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Take no gradients of the module's weights within this block, whatever happens in it."""
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
