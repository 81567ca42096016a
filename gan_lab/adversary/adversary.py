"""A GAN's discriminator with all of its training, as a part of another person's model."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from gan_lab import losses
from gan_lab.adversary import processes
from gan_lab.adversary.adaptive_weight import AdaptiveWeight
from gan_lab.adversary.outputs import Outputs, feature_matching, see
from gan_lab.errors import InputError
from gan_lab.model.batch import Batch, StepContext
from gan_lab.penalties import Penalty
from gan_lab.ranges import NonNegative, Whole
from gan_lab.rng import StepRNG, Stream

Losses = tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]
"""D's loss of real and fake logits, and G's loss of fake ones: functions of `gan_lab.losses`, or one's own."""

HINGE: Losses = (losses.hinge_d, losses.wasserstein_g)
LEAST_SQUARES: Losses = (losses.least_squares_d, losses.least_squares_g)
NON_SATURATING: Losses = (losses.vanilla_d, losses.non_saturating_g)


class Adversary(nn.Module):
    """A discriminator that trains itself, and the term by which it trains another model.

    Its weights learn within `d_step` alone, by an optimizer of its own. Elsewhere they require no gradient, so that an
    optimizer of ``model.parameters()`` and DDP leave them alone. All of its state is in ``state_dict``, the optimizer's and the
    number of steps too, on which every draw depends.

    With several processes (``torch.distributed``), each calls `d_step` equally often: gradients are averaged, and buffers such
    as BatchNorm's are the first process's. Under autocast D computes in its dtype, except for float16, of whose gradients too
    many would vanish: `d_step` then computes in float32.

    Args:
        discriminator: x (N, ...) -> raw logits, one per example or a map; or `gan_lab.adversary.Outputs`.
        loss: of each discriminator, over all of its logits; those of several are summed.
        penalties: terms of D's loss, by name, from `gan_lab.penalties`. They see one logit per example, the mean of its map,
            summed over several discriminators.
        augment: of all that D sees, from `gan_lab.augment`; in `g_loss` a fake and its real are changed alike.
        optimizer: makes D's optimizer from its parameters.
        weight: of the adversarial loss in `g_loss`.
        feature_weight: of the distance of D's features in `g_loss`; see `gan_lab.adversary.outputs.feature_matching`.
        start_step: the call of `d_step` from which on `g_loss` is not 0.
        warmup: so many calls before it D begins to learn.
        seed: of the augmentations and penalties.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        loss: Losses = HINGE,
        *,
        penalties: Mapping[str, Penalty] | None = None,
        augment: nn.Module | None = None,
        optimizer: Callable[..., Optimizer] = partial(Adam, lr=2e-4, betas=(0.5, 0.9)),  # noqa: B008 immutable in effect
        weight: NonNegative | AdaptiveWeight = 1.0,
        feature_weight: NonNegative = 0.0,
        start_step: Whole = 0,
        warmup: Whole = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.discriminator, self.loss = discriminator, loss
        self.augment: Any = augment
        self.weight, self.feature_weight = weight, feature_weight
        self.start_step, self.warmup, self.seed = start_step, warmup, seed
        self.penalties = nn.ModuleDict(penalties or {})
        for name, penalty in (penalties or {}).items():
            penalty.check(name, discriminator)
        self._weights = [weight for weight in discriminator.parameters() if weight.requires_grad]
        if not self._weights:
            raise InputError(
                "no weight of this discriminator requires a gradient, so that it cannot learn: call "
                "discriminator.requires_grad_(True) before Adversary(discriminator)"
            )
        self.optimizer = optimizer(self._weights)
        self._weights_are_equal = False
        discriminator.requires_grad_(False)
        self.steps, self.images_seen = 0, 0
        self.logs: dict[str, Tensor] = {}

    # ----- D's side --------------------------------------------------------------------------------------------------

    def d_step(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Take a step of D on reals and fakes (N, ...) and return scalars for the records; `logs` has them too.

        No gradient reaches what made the fakes. In evaluation mode losses are computed, and nothing moves. Call it before
        `g_loss`, or after the backward pass of that, which needs D as it was.

        Raises:
            InputError: reals and fakes have different shapes.
        """
        if real.shape[1:] != fake.shape[1:]:
            shapes = ["x".join(map(str, x.shape[1:])) for x in (real, fake)]
            raise InputError(f"d_step compares reals of {shapes[0]} with fakes of {shapes[1]}: give both the same shape")
        real, fake = (self._as_weights(x.detach()) for x in (real, fake))
        learns = self.training and self.steps + 1 >= self.start_step - self.warmup
        if learns:
            self._learn(real, fake)
        elif not self.training:
            with torch.no_grad():
                self._objective(real, fake)
        if self.training:
            self.steps += 1
            self.images_seen += len(real) * processes.ranks()[1]
        return dict(self.logs)

    def _learn(self, real: Tensor, fake: Tensor) -> None:
        if not self._weights_are_equal:  # each process may have drawn its own
            processes.make_equal([*self._weights, *self._buffers_of_d()])
            self._weights_are_equal = True
        with self._learning():
            with _without_float16(real.device):
                loss = self._objective(real, fake)
            loss.backward()
        processes.average(weight.grad for weight in self._weights if weight.grad is not None)
        self.optimizer.step()
        self.optimizer.zero_grad()
        processes.make_equal(self._buffers_of_d())

    def _objective(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return D's loss with its penalties, and keep its terms for the records."""
        rng, (d_loss, _) = self._rng(real), self.loss
        real_seen, fake_seen = (see(self.discriminator, self._augmented(x, rng)) for x in (real, fake))
        pairs = zip(real_seen.logits, fake_seen.logits, strict=True)
        terms = {"d_loss": torch.stack([d_loss(*pair) for pair in pairs]).sum()}
        batch = self._batch(real, fake, rng)
        batch.real_logits, batch.fake_logits = real_seen.per_example(), fake_seen.per_example()
        if torch.is_grad_enabled():
            terms |= {name: penalty(batch.logits, batch) for name, penalty in self._due(batch)}
        self.logs = {name: term.detach() for name, term in terms.items()}
        self.logs |= {name: getattr(batch, name).detach().mean() for name in ("real_logits", "fake_logits")}
        if self.training and hasattr(self.augment, "observe"):
            self.logs |= self.augment.observe(batch.real_logits.detach(), self.images_seen) or {}
        return torch.stack([*terms.values()]).sum()

    def _due(self, batch: Batch) -> list[tuple[str, Penalty]]:
        return [(name, penalty) for name, penalty in cast(Any, self.penalties).items() if penalty.is_due(batch)]

    def _batch(self, real: Tensor, fake: Tensor, rng: StepRNG) -> Batch:
        """Return the batch as penalties see it: D's only feature is its logit."""

        def features(x: Tensor, y: Tensor | None = None, offset: Tensor | None = None, stride: int = 1) -> Tensor:
            x = self._augmented(x, rng)
            seen = see(self.discriminator, x if offset is None else torch.cat([x, x[::stride] + offset]))
            return seen.per_example()[:, None]

        def head(features: Tensor, y: Tensor | None = None) -> Tensor:
            return features.squeeze(1)

        step = StepContext(rng, self.images_seen, self.steps)
        return Batch(real, fake, None, None, lambda x, y=None: head(features(x)), step, features, head)

    # ----- G's side --------------------------------------------------------------------------------------------------

    def g_loss(
        self,
        fake: Tensor,
        real: Tensor | None = None,
        reconstruction_loss: Tensor | None = None,
        last_layer: Tensor | None = None,
    ) -> Tensor:
        """Return what to add to the loss of the model that made the fakes: a weighted scalar, 0 before ``start_step``.

        Args:
            fake: (N, ...), with a gradient.
            real: the example that each fake should equal, for ``feature_weight``.
            reconstruction_loss: the rest of the loss, for `AdaptiveWeight`; it is not added.
            last_layer: weight of the model's last layer, for `AdaptiveWeight`.

        Raises:
            InputError: an argument is missing.
        """
        if self.steps < self.start_step:
            return fake.new_zeros(())
        self.discriminator.requires_grad_(False)  # also where the whole model was unfrozen
        fake, (_, g_loss) = self._as_weights(fake), self.loss
        seen = see(self.discriminator, self._augmented(fake, self._rng(fake)))
        gan_loss = torch.stack([g_loss(logits) for logits in seen.logits]).sum()
        weight = self._weight_now(gan_loss, reconstruction_loss, last_layer)
        loss, self.logs = weight * gan_loss, self.logs | {"g_loss": gan_loss.detach(), "g_weight": torch.as_tensor(weight)}
        if self.feature_weight:
            distance = feature_matching(self._of_real(real), seen)
            loss, self.logs = loss + self.feature_weight * distance, self.logs | {"feature_distance": distance.detach()}
        if loss.requires_grad:
            loss.register_hook(partial(self._refuse_other_weights, self.steps))
        return loss

    def _weight_now(self, gan_loss: Tensor, reconstruction_loss: Tensor | None, last_layer: Tensor | None) -> float | Tensor:
        if not isinstance(self.weight, AdaptiveWeight):
            return self.weight
        if reconstruction_loss is None or last_layer is None:
            raise InputError(
                "AdaptiveWeight compares two gradients at the model's last layer: call g_loss(fake, "
                "reconstruction_loss=loss, last_layer=decoder[-1].weight)"
            )
        return self.weight(reconstruction_loss, gan_loss, last_layer)

    def _of_real(self, real: Tensor | None) -> Outputs:
        if real is None:
            raise InputError("feature_weight compares each fake with its real: call g_loss(fake, real)")
        real = self._as_weights(real)
        with torch.no_grad():
            return see(self.discriminator, self._augmented(real, self._rng(real)))

    def _refuse_other_weights(self, steps: int, gradient: Tensor) -> None:
        if steps != self.steps:
            raise InputError(
                "d_step has changed D between g_loss and its backward pass, which needs D as it was: call d_step before g_loss"
            )

    # ----- what both share -------------------------------------------------------------------------------------------

    def _augmented(self, x: Tensor, rng: StepRNG) -> Tensor:
        return x if self.augment is None else self.augment(x, rng, self.images_seen)

    def _rng(self, x: Tensor) -> StepRNG:
        """Return the draws of this step: a function of its number alone."""
        rank, world_size = processes.ranks()
        return StepRNG(self.seed, Stream.STEP, self.steps, device=x.device, rank=rank, world_size=world_size)

    def _as_weights(self, x: Tensor) -> Tensor:
        return x.to(self._weights[0].dtype)

    def _buffers_of_d(self) -> Iterator[Tensor]:
        return (buffer for buffer in self.discriminator.buffers() if buffer.is_floating_point())

    @contextmanager
    def _learning(self) -> Iterator[None]:
        """Let D's weights take gradients within this block, whatever happens in it."""
        for weight in self._weights:
            weight.requires_grad_(True)
        try:
            with torch.enable_grad():
                yield
        finally:
            for weight in self._weights:
                weight.requires_grad_(False)

    # ----- state -----------------------------------------------------------------------------------------------------

    def get_extra_state(self) -> dict[str, Any]:
        """Return what is neither weight nor buffer."""
        return {"steps": self.steps, "images_seen": self.images_seen, "optimizer": self.optimizer.state_dict()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Continue where another one was."""
        self.steps, self.images_seen = state["steps"], state["images_seen"]
        self.optimizer.load_state_dict(state["optimizer"])

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Adversary":
        """Move the optimizer's state along with the weights, as by ``.to(device)``."""
        super()._apply(fn, recurse)
        self.optimizer.load_state_dict(self.optimizer.state_dict())
        return self


def _without_float16(device: torch.device) -> AbstractContextManager[Any]:
    is_half = torch.is_autocast_enabled(device.type) and torch.get_autocast_dtype(device.type) == torch.float16
    return torch.autocast(device.type, enabled=False) if is_half else nullcontext()
