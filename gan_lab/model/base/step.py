"""One step of a GAN: its draws, contexts, gradients and optimizer steps, and the clocks that it moves."""

from collections.abc import Callable, Hashable, ItemsView, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lab.model import ema
from gan_lab.model.base.engine import Engine, LightningEngine
from gan_lab.model.base.growing import Growing
from gan_lab.model.base.networks import Player, TrainedNetwork
from gan_lab.model.batch import StepContext
from gan_lab.network.protocol import is_discriminator
from gan_lab.penalties import Penalty
from gan_lab.rng import StepRNG, Stream, key, seed_torch
from gan_lab.schedules import DeviceClock, Schedule, value
from gan_lab.trick import Trick


class Stepping(Growing):
    """The part of every GAN that takes steps: `GANModule` sets its attributes."""

    generator_ema: nn.Module
    g_optimizer: Callable[..., Optimizer]
    d_optimizer: Callable[..., Optimizer]
    decision_threshold: ClassVar[float | None]
    penalties: nn.ModuleDict
    regularizers: nn.ModuleDict
    augments: nn.ModuleDict
    tricks: nn.ModuleDict
    schedule: Schedule
    d_steps: int | Callable[[int], int]
    accumulate: int
    ema_half_life_kimg: float | Schedule
    ema_ramp: float | None
    seed: int
    g_steps_done: int
    d_steps_since_g: int
    steps_of_batch: int
    kind: "StepKind"
    clock: DeviceClock | None
    replay: Callable[[Tensor, Tensor | None], None] | None
    _average_decay: float
    _networks: list[TrainedNetwork] | None
    tracks_gradients: bool
    _engine: Engine | None
    _tracked: dict[str, list[Tensor]]
    _generators: list[torch.Generator]

    moving_options: ClassVar[tuple[str, ...]] = ("lr",)
    """Options of Adam that change over a run: a captured step reads them on the device."""

    def trained_networks(self) -> list[TrainedNetwork]:
        """Return the networks that this GAN trains, G's first. A subclass appends its own.

        Freezing, stepping, averaging, clipping, records and checks follow from this list.
        """
        return [
            TrainedNetwork("g", self.generator, self.g_optimizer, "g", average=self.generator_ema),
            TrainedNetwork("d", self.discriminator, self.d_optimizer, "d"),
        ]

    def networks_of(self, player: Player) -> list[TrainedNetwork]:
        """Return the networks that move in this player's step."""
        return [network for network in self.networks if network.player == player]

    @property
    def networks(self) -> list[TrainedNetwork]:
        """The networks that this GAN trains, listed once for a run: see `trained_networks`."""
        if self._networks is None:
            self._networks = self.trained_networks()
        return self._networks

    def further_discriminators(self) -> list[TrainedNetwork]:
        """Return the discriminators that this GAN trains beside D: each has its own terms of every penalty."""
        return [network for network in self.networks_of("d")[1:] if is_discriminator(network.module)]

    def begin_step(self) -> None:
        """Seed all draws of this step by its number; set the level, the learning rates and what else changes over a run."""
        self.grow()
        self.draw()
        if self.clock is not None:
            self.clock.set(self.images_seen)
        factor = self.schedule(self.images_seen)
        if self.growth is not None:
            factor *= self.growth.lr_factor(self.images_seen)
        for optimizer in self.all_optimizers:
            for group in optimizer.param_groups:
                set_option(group, "lr", group.setdefault("initial_lr", group["lr"]) * factor)
        self.engine.begin_step()

    def draw(self) -> None:
        """Begin the draws of this step, and forget what was tracked."""
        self.set_tracked({})
        self._rngs = list(self._step_rngs())
        seed_torch(key(self.seed, Stream.LAYERS, self.engine.rank, self.d_steps_done), self.device)

    def _step_rngs(self) -> Iterator[StepRNG]:
        """Yield the draws of each part of the batch: a part draws as a process of its own would."""
        if [generator.device for generator in self._generators] != [self.device] * self.accumulate:
            self._generators = [torch.Generator(self.device) for _ in range(self.accumulate)]
        shares = self.engine.world_size * self.accumulate
        for part, generator in enumerate(self._generators):
            share = self.engine.rank * self.accumulate + part
            position = (self.seed, Stream.STEP, self.d_steps_done)
            yield StepRNG(*position, device=self.device, rank=share, world_size=shares, generator=generator)

    @property
    def generators(self) -> list[torch.Generator]:
        """The sources of this process's draws, one for each part of a batch: they stay, and are seeded anew at each step."""
        return self._generators

    def next_kind(self) -> "StepKind":
        """Return the kind of the step that the clocks call for."""
        g_is_due = self.d_steps_since_g + 1 >= self.d_steps_now()
        clocks = cast(Any, StepContext(cast(Any, None), d_steps_done=self.d_steps_done, g_steps_done=self.g_steps_done))
        terms = [*self.penalties.items(), *(self.regularizers.items() if g_is_due else ())]
        due = tuple(name for name, term in terms if not hasattr(term, "is_due") or term.is_due(clocks))
        level = None if self.level is None else (self.level.resolution, self.level.fading)
        return StepKind(g_is_due, due, level, tuple(trick.kind(cast(Any, self)) for _, trick in self.named_tricks()))

    def average_decay(self, batch_size: int) -> float:
        """Return the weight of the old average of G in the update after a step on this many images of each process."""
        images_seen = self.images_seen + batch_size * self.engine.world_size
        images = (self.d_steps_since_g + 1) * batch_size * self.engine.world_size
        decay = ema.decay(images, images_seen, value(self.ema_half_life_kimg, images_seen), self.ema_ramp)
        return cast(float, self.clock.number("average_decay", decay)) if self.clock is not None else decay

    def end_step(self, batch_size: int, g_stepped: bool) -> None:
        """Adapt augmentations, make the buffers of all processes equal and, after a step of G, update the averages."""
        self.adapt_augments()
        self._make_buffers_equal()
        if g_stepped:
            for network in self.networks:
                if network.moving_average is not None:
                    network.moving_average.update(self._average_decay)

    def advance_clocks(self, batch_size: int, g_stepped: bool) -> None:
        """Advance the clocks, then let tricks update their state."""
        self.images_seen += batch_size * self.engine.world_size
        self.d_steps_done += 1
        self.g_steps_done += g_stepped
        self.d_steps_since_g = 0 if g_stepped else self.d_steps_since_g + 1
        if g_stepped:
            self.engine.count_g_step()
        for _, trick in self.named_tricks():
            trick.after_step(cast(Any, self))

    def adapt_augments(self) -> None:
        """Let augmentations that observe D's logits of this step's reals adapt to them, and track what they return."""
        for name, augment in self.augments.items():
            observe = getattr(augment, "observe", None)
            if callable(observe) and "real_logits" in self._tracked:
                values = observe(self.tracked["real_logits"] - (self.decision_threshold or 0.0), self.now)
                self.track(**{f"{name}_{key}": value for key, value in (values or {}).items()})

    def d_steps_now(self) -> int:
        """Return the number of D's steps before the next one of G."""
        return self.d_steps(self.g_steps_done) if callable(self.d_steps) else self.d_steps

    def context(self, player: Player, rng: StepRNG, part: int = 0) -> StepContext:
        """Return the context of a player's step: its adversary may be a trick's substitute."""
        players = {"g": self.generator, "d": self.discriminator}
        adversary: Player = "d" if player == "g" else "g"
        for _, trick in self.named_tricks():
            players[adversary] = trick.substitute(adversary, players[adversary], cast(Any, self))
        return StepContext(rng, self.now, self.d_steps_done, players["g"], players["d"], self.g_steps_done, part)

    @property
    def now(self) -> int:
        """Images seen as the parts of a step see them: a number, or a `DeviceClock` where steps are captured."""
        return self.images_seen if self.clock is None else cast(int, self.clock)

    def accumulate_gradients(
        self,
        player: Player,
        gradient: Callable[[Tensor, Tensor | None, StepContext], None],
        real: Tensor,
        y: Tensor | None,
    ) -> None:
        """Accumulate a player's gradients over the parts of the batch; processes exchange them at the last part alone."""
        if self.accumulate == 1:
            gradient(real, y, self.context(player, self._rngs[0]))
            return
        labels = [None] * self.accumulate if y is None else y.chunk(self.accumulate)
        contexts = (self.context(player, rng, part) for part, rng in enumerate(self._rngs))
        *parts, last = zip(real.chunk(self.accumulate), labels, contexts, strict=True)
        with self.engine.without_exchange():
            for part in parts:
                gradient(*part)
        gradient(*last)

    def backward_part(self, loss: Tensor) -> None:
        """Accumulate the gradient of a part's loss, weighted by its share of the batch."""
        self.engine.backward(loss if self.accumulate == 1 else loss / self.accumulate)

    def step_networks(self, *networks: TrainedNetwork) -> None:
        """Step each network along its gradient, and clear it."""
        for network in networks:
            self.engine.step(self.number_of(network.name))
        self.clear_gradients(*networks)

    def clear_gradients(self, *networks: TrainedNetwork) -> None:
        """Clear the gradients of these networks without a step: `Optimizer.zero_grad` takes ten times as long."""
        for network in networks:
            for weight in network.weights:
                weight.grad = None

    def named_penalties(self) -> ItemsView[str, Penalty]:
        """Return the penalties by name."""
        return cast(ItemsView[str, Penalty], self.penalties.items())

    def named_tricks(self) -> ItemsView[str, Trick]:
        """Return the tricks by name, in their order."""
        return cast(ItemsView[str, Trick], self.tricks.items())

    def track(self, **values: Tensor) -> None:
        """Keep values of this part for the callbacks, as tensors: reading one here would make the device wait."""
        for name, tensor in values.items():
            self._tracked.setdefault(name, []).append(tensor.detach())

    def set_tracked(self, values: dict[str, Tensor]) -> None:
        """Keep these values alone, as those of the whole step."""
        self._tracked = {name: [value.detach()] for name, value in values.items()}

    @property
    def tracked(self) -> dict[str, Tensor]:
        """Values tracked in this step: scalars averaged over the parts of the batch, logits (N,) concatenated."""
        return {name: values[0] if len(values) == 1 else _joined(values) for name, values in self._tracked.items()}

    @property
    def engine(self) -> Engine:
        """What steps ask of their surroundings: Lightning's Trainer, unless an `Engine` was set."""
        if self._engine is None:
            self._engine = LightningEngine(cast(Any, self))
        return self._engine

    @engine.setter
    def engine(self, engine: Engine | None) -> None:
        self._engine = engine

    @property
    def all_optimizers(self) -> list[Optimizer]:
        """Optimizers in the order of `networks`."""
        return self.engine.optimizers

    def number_of(self, name: str) -> int:
        """Return the place of the trained network of this name."""
        return [network.name for network in self.networks].index(name)

    def optimizer_of(self, name: str) -> Optimizer:
        """Return the optimizer of the trained network of this name."""
        return self.all_optimizers[self.number_of(name)]

    def _make_buffers_equal(self) -> None:
        """Give every process the first one's BatchNorm statistics and spectral-norm vectors.

        Under manual optimization Lightning's DDP does so at the first step only.
        """
        if self.engine.world_size == 1:
            return
        if buffers := [buffer for buffer in self.buffers() if buffer.is_floating_point()]:
            together = torch.cat([buffer.flatten() for buffer in buffers])
            torch.distributed.broadcast(together, 0)
            for buffer, values in zip(buffers, together.split([buffer.numel() for buffer in buffers]), strict=True):
                buffer.copy_(values.view_as(buffer))


@dataclass(frozen=True)
class StepKind:
    """What tells one step from another: steps of one kind are the same operations on the device.

    Attributes:
        g_is_due: whether G steps too.
        due: penalties and regularizers that are taken, by name.
        level: resolution and fading, with growth.
        tricks: what each trick does in it.
    """

    g_is_due: bool
    due: tuple[str, ...] = ()
    level: tuple[int, bool] | None = None
    tricks: tuple[Hashable, ...] = ()


def set_option(group: dict[str, Any], name: str, option: float | tuple[float, ...]) -> None:
    """Set an option of an optimizer's parameter group: in place where it is a tensor, as that of a captured step is."""
    group[name] = tuple(map(_written, group[name], option)) if isinstance(option, tuple) else _written(group[name], option)


def _written(old: float | Tensor, new: float) -> float | Tensor:
    return old.fill_(new) if isinstance(old, Tensor) else new


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).mean() if parts[0].ndim == 0 else torch.cat(parts)
