"""Generative adversarial nets (Goodfellow 2014, https://arxiv.org/abs/1406.2661): the first GAN and the base of all others.

Images are (N, C, H, W) in [-1, 1], points (N, 2, 1, 1), logits raw (N,), labels ``y`` (N,) or None.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from inspect import signature
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from gan_lab import losses
from gan_lab.errors import InputError
from gan_lab.model.base import GANModule, Player, TrainedNetwork
from gan_lab.model.batch import Batch, StepContext, unpack
from gan_lab.regularizers import Regularizer
from gan_lab.rng import StepRNG


class GAN(GANModule):
    """D learns to tell reals from fakes, G to be taken for real: algorithm 1 of the paper.

    Algorithm 1: for k = ``d_steps`` minibatches descend on D's loss (eq. 1), then descend once on G's. One batch is one step of
    D, on fresh reals; every ``d_steps``-th batch is also a step of G, with latents of its own.

    Differs from the paper: G's loss is the non-saturating one by default (the paper's section 3 proposes it; its box has
    `losses.saturating_g`), and an average of G's weights is judged and sampled.

    For the constructor's arguments see `GANModule`.
    """

    takes_targets: ClassVar[bool] = True

    # ----- the two losses --------------------------------------------------------------------------------------------

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return -E[log sigma(D(x))] - E[log(1 - sigma(D(G(z))))], eq. 1; with the targets that tricks have softened."""
        return losses.vanilla_d(batch.real_logits, batch.fake_logits, *self.targets(batch))

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return ``g_loss`` of the fake logits."""
        return self.g_loss(batch.fake_logits)

    def discriminator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms that this algorithm adds to D's adversarial loss, by name."""
        return {}

    def generator_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms that this algorithm adds to G's adversarial loss, by name."""
        return {}

    def discriminator_objective(self, batch: Batch) -> dict[str, Tensor]:
        """Return all terms on which D descends, by name: its loss, this algorithm's terms, penalties and tricks."""
        if not self.compares_images:  # else D would take the neighbours for images of the batch
            for _, penalty in self.named_penalties():
                penalty.prepare(batch)
        objective = {"d_loss": self.discriminator_loss(batch)} | self.discriminator_terms(batch)
        return objective | self.penalty_terms(batch) | self.terms_of_tricks("d")

    def generator_objective(self, batch: Batch) -> dict[str, Tensor]:
        """Return all terms on which G descends, by name: its loss, this algorithm's terms, regularizers and tricks."""
        due = {name: r for name, r in self.regularizers.items() if not isinstance(r, Regularizer) or r.is_due(batch)}
        terms = self.generator_terms(batch) | {name: r(self.generator, batch) for name, r in due.items()}
        return {"g_loss": self.generator_loss(batch)} | terms | self.terms_of_tricks("g")

    def penalty_terms(self, batch: Batch) -> dict[str, Tensor]:
        """Return the penalties that are due, of each discriminator, by name and in the order of their names."""
        due = [(name, penalty) for name, penalty in sorted(self.named_penalties()) if penalty.is_due(batch)]
        return {
            f"{prefix}{name}": penalty(seen.logits, seen)
            for prefix, seen in (self.seen_by_each(batch) if due else {}).items()
            for name, penalty in due
        }

    def seen_by_each(self, batch: Batch) -> dict[str, Batch]:
        """Return the batch as each discriminator sees it, by the prefix of its terms, which is empty for D itself."""
        others = self.further_discriminators()
        data = (batch.real, batch.fake, batch.y, batch.fake_y, batch.z)
        views = {f"{other.name}_": self.batch(*data, replace(batch.step, discriminator=other.module)) for other in others}
        return {"": batch} | views

    def equilibrium(self) -> dict[str, float]:
        """Return ``d_loss`` and ``g_loss`` where all logits are at D's decision threshold.

        A loss that reads more than logits has no such level and is left out, as is one that is not finite.
        """
        logits = torch.full((1,), self.decision_threshold or 0.0, device=self.device)
        batch = cast(Batch, SimpleNamespace(real_logits=logits, fake_logits=logits, rng=StepRNG(self.seed)))
        levels = {}
        for name, loss in (("d_loss", self.discriminator_loss), ("g_loss", self.generator_loss)):
            with suppress(Exception):  # a user's loss may read images, features or labels, and fail in any way
                levels[name] = float(loss(batch))
        return {name: level for name, level in levels.items() if math.isfinite(level)}

    # ----- the alternation -------------------------------------------------------------------------------------------

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Take one step of D, and of G when it is due; with growth as many as the level makes of this batch."""
        real, y = unpack(batch, self.float_type)
        first, loaded, before = 0, len(real), self.d_steps_done
        while first < loaded:
            rows = slice(first, first + self.step_size(loaded))
            self.step(real[rows], None if y is None else y[rows])
            first = rows.stop
        self.steps_of_batch = self.d_steps_done - before

    training_step.__signature__ = signature(training_step)  # type: ignore[attr-defined]  # Lightning asks for it at each batch

    def step(self, real: Tensor, y: Tensor | None) -> None:
        """Take one step of D on these reals and labels, and of G when it is due."""
        self.begin_step()
        self.kind, self._average_decay = self.next_kind(), self.average_decay(len(real))
        (self.replay or self.device_step)(real, y)
        self.advance_clocks(len(real), self.kind.g_is_due)

    def device_step(self, real: Tensor, y: Tensor | None) -> None:
        """Take the step on the device: a function of tensors, which reads none of them and can be captured."""
        real, g_is_due = self.at_level(real), self.kind.g_is_due
        self.accumulate_gradients("d", self.discriminator_gradient, real, y)
        if not self.simultaneous:
            self.discriminator_step()
        if g_is_due:
            self.accumulate_gradients("g", self.generator_gradient, real, y)
        if self.simultaneous:
            self.discriminator_step()
        if g_is_due:
            self.generator_step()

        self.end_step(len(real), g_is_due)

    def discriminator_gradient(self, real: Tensor, y: Tensor | None, step: StepContext) -> None:
        """Accumulate the gradient of D's objective on reals and on fakes that G makes now."""
        batch = self.discriminator_batch(real, y, step)
        objective = self.discriminator_objective(batch)
        loss = sum_of(objective)
        self.track(real_logits=batch.real_logits, fake_logits=batch.fake_logits, **objective)
        self.backward_part(loss)

    def discriminator_step(self) -> None:
        """Step D along its gradient, and clear it."""
        self.step_networks(*self.networks_of("d"))

    def generator_gradient(self, real: Tensor, y: Tensor | None, step: StepContext) -> None:
        """Accumulate the gradient of G's objective on fresh fakes; D is frozen meanwhile, so that none is spent on it."""
        with frozen(self.networks_of("d")):
            objective = self.generator_objective(self.generator_batch(real, y, step))
            loss = sum_of(objective)
            self.track(**objective)
            self.backward_part(loss)

    def generator_step(self) -> None:
        """Step G along its gradient, and clear it."""
        self.step_networks(*self.networks_of("g"))

    # ----- what both players see -------------------------------------------------------------------------------------

    def discriminator_batch(self, real: Tensor, y: Tensor | None, step: StepContext) -> Batch:
        """Return reals, and as many fakes, from which no gradient reaches G."""
        z = self.step_latents(real, 1, step)
        with torch.no_grad():
            fake = self.fakes(z, y, step).to(real.dtype)
        for _, trick in self.named_tricks():
            fake = trick.fakes(fake, step.rng)
        return self.batch(real, fake, y, y, z, step)

    def generator_batch(self, real: Tensor, y: Tensor | None, step: StepContext) -> Batch:
        """Return reals, and ``g_batch_ratio`` times as many fakes."""
        z = self.step_latents(real, self.g_batch_ratio, step)
        fake_y = None if y is None else y.repeat_interleave(self.g_batch_ratio, 0)
        batch = self.batch(real, self.fakes(z, fake_y, step).to(real.dtype), y, fake_y, z, step)
        for _, trick in self.named_tricks():
            batch = trick.generator_batch(batch)
        return batch

    def batch(
        self,
        real: Tensor,
        fake: Tensor,
        y: Tensor | None,
        fake_y: Tensor | None,
        z: Tensor | None,
        step: StepContext,
    ) -> Batch:
        """Return the data of a step with D as this step uses it."""
        logits, features, head = (partial(part, step=step) for part in (self.logits, self.features, self.head))
        return Batch(real, fake, y, fake_y, logits, step, features, head, z)

    def fakes(self, z: Tensor, y: Tensor | None, step: StepContext) -> Tensor:
        """Return the images that G makes of these latents in a step."""
        return step.generator(z, y)

    def step_latents(self, real: Tensor, ratio: int, step: StepContext) -> Tensor:
        """Return the latents of a step on these reals, ``ratio`` for each."""
        return self.latents(len(real) * ratio, step)

    def latents(self, n: int, step: StepContext) -> Tensor:
        """Return the next latents of this step, (n, latent_dim)."""
        return self.latent(step.rng, n, self.generator.latent_dim).to(self.float_type)

    def targets(self, batch: Batch) -> tuple[Tensor, Tensor] | tuple[()]:
        """Return the targets of D's loss for reals and for fakes, each (N,); nothing where no trick changes them."""
        if not self.tricks:
            return ()
        real, fake = torch.ones_like(batch.real_logits), torch.zeros_like(batch.fake_logits)
        for _, trick in self.named_tricks():
            real, fake = (trick.targets(values, is_real, batch.rng) for values, is_real in ((real, True), (fake, False)))
        return real, fake

    def terms_of_tricks(self, player: Player) -> dict[str, Tensor]:
        """Return the terms that tricks add to a player's loss."""
        network = self.generator if player == "g" else self.discriminator
        terms = {name: trick.term(player, network) for name, trick in self.named_tricks()}
        return {f"{player}_{name}": term for name, term in terms.items() if term is not None}


def sum_of(objective: Mapping[str, Tensor]) -> Tensor:
    """Return the sum of its terms, a scalar.

    Raises:
        InputError: a term is none.
    """
    for name, term in objective.items():
        if not isinstance(term, Tensor) or term.ndim:
            form = f"a tensor of {'x'.join(map(str, term.shape))}" if isinstance(term, Tensor) else f"a {type(term).__name__}"
            raise InputError(f"{name} is {form}: each term of a loss is a scalar tensor, such as the mean over the images")
    first, *others = objective.values()
    return sum(others, first)


@contextmanager
def frozen(networks: list[TrainedNetwork]) -> Iterator[None]:
    """Take no gradients of these networks' weights within this block, whatever happens in it."""
    weights = [weight for network in networks for weight in network.weights if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)
