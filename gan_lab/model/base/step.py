"""One step of a GAN: its draws, contexts, gradients and optimizer steps, and the clocks that it moves."""

from collections.abc import Callable, ItemsView
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, cast

import torch
from lightning import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lab.errors import InputError
from gan_lab.growth import Growth, Level
from gan_lab.model import ema
from gan_lab.model.base.networks import Player, TrainedNetwork
from gan_lab.model.batch import StepContext
from gan_lab.network.growing import levels_of
from gan_lab.network.protocol import is_discriminator
from gan_lab.penalties import Penalty
from gan_lab.rng import StepRNG, Stream, key, seed_torch
from gan_lab.schedules import Schedule, value
from gan_lab.trick import Trick


class Stepping(LightningModule):
    """The part of every GAN that takes steps: `GANModule` sets its attributes."""

    generator: Any
    discriminator: Any
    generator_ema: nn.Module
    g_optimizer: Callable[..., Optimizer]
    d_optimizer: Callable[..., Optimizer]
    decision_threshold: ClassVar[float | None]
    penalties: nn.ModuleDict
    augments: nn.ModuleDict
    tricks: nn.ModuleDict
    schedule: Schedule
    growth: Growth | None
    d_steps: int | Callable[[int], int]
    accumulate: int
    ema_half_life_kimg: float | Schedule
    ema_ramp: float | None
    seed: int
    images_seen: int
    d_steps_done: int
    g_steps_done: int
    d_steps_since_g: int
    steps_of_batch: int
    _tracked: dict[str, list[Tensor]]

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
        return [network for network in self.trained_networks() if network.player == player]

    def further_discriminators(self) -> list[TrainedNetwork]:
        """Return the discriminators that this GAN trains beside D: each has its own terms of every penalty."""
        return [network for network in self.networks_of("d")[1:] if is_discriminator(network.module)]

    def begin_step(self) -> None:
        """Seed all draws of this step by its number; set the level and the learning rates."""
        self._tracked = {}
        self.grow()
        rank, step = self.global_rank, self.d_steps_done
        shares = self.trainer.world_size * self.accumulate  # a part draws as a process of its own would
        self._rngs = [
            StepRNG(self.seed, Stream.STEP, step, device=self.device, rank=rank * self.accumulate + part, world_size=shares)
            for part in range(self.accumulate)
        ]
        seed_torch(key(self.seed, Stream.LAYERS, rank, step), self.device)
        factor = self.schedule(self.images_seen)
        if self.growth is not None:
            factor *= self.growth.lr_factor(self.images_seen)
        for optimizer in self.all_optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        # Lightning counts the steps of every optimizer in `global_step`; only the generator's should count there. The hooks
        # are set anew at each training step, and there is no public switch (pytorch-lightning#17958).
        for network, optimizer in zip(self.trained_networks(), self.all_optimizers, strict=True):
            if network.name != "g":
                optimizer._on_before_step = optimizer._on_after_step = _nothing

    @property
    def level(self) -> Level | None:
        """The level that the images seen so far call for; None without growth."""
        return None if self.growth is None else self.growth(self.images_seen)

    def grow(self) -> None:
        """Bring every growing network to the level of the images seen; where it changes, optimizers forget their moments."""
        if self.growth is None:
            return
        if not levels_of(self.generator) or not levels_of(self.discriminator):
            raise InputError(
                "model.growth needs networks that work at every resolution: use network=pggan or network=stylegan, or "
                "model.growth=null"
            )
        changes = [each.set(self.growth(self.images_seen)) for each in levels_of(self)]
        if any(changes) and self.growth.reset_optimizers and self.d_steps_done:
            for optimizer in self.all_optimizers:
                optimizer.state.clear()

    @property
    def level_ends(self) -> bool:
        """Whether the next step is the first one of another resolution."""
        return self.level is not None and self.level.resolution != levels_of(self.discriminator)[0].resolution

    def at_level(self, real: Tensor) -> Tensor:
        """Return reals (N, C, H, W) as they are, or with growth at the current resolution, blended in a fade."""
        return real if self.growth is None else levels_of(self.discriminator)[0].reals(real)

    def step_size(self, loaded: int) -> int:
        """Return the number of a loader's images that the next step takes: all of them, or with growth as many as it says."""
        return loaded if self.growth is None else self.growth.batch_size(self.images_seen, loaded)

    def end_step(self, batch_size: int, g_stepped: bool) -> None:
        """Advance the clocks and, after a step of G, the averages; make the buffers of all processes equal."""
        global_batch = batch_size * self.trainer.world_size
        self.images_seen += global_batch
        self.d_steps_done += 1
        self.d_steps_since_g += 1
        self.adapt_augments()
        self._make_buffers_equal()
        if g_stepped:
            images = self.d_steps_since_g * global_batch
            half_life = value(self.ema_half_life_kimg, self.images_seen)
            decay = ema.decay(images, self.images_seen, half_life, self.ema_ramp)
            for network in self.trained_networks():
                if network.average is not None:
                    ema.update(network.average, network.module, decay)
            self.g_steps_done += 1
            self.d_steps_since_g = 0
        for _, trick in self.named_tricks():
            trick.after_step(cast(Any, self))

    def adapt_augments(self) -> None:
        """Let augmentations that observe D's logits of this step's reals adapt to them, and track what they return."""
        for name, augment in self.augments.items():
            observe = getattr(augment, "observe", None)
            if callable(observe) and "real_logits" in self._tracked:
                values = observe(self.tracked["real_logits"] - (self.decision_threshold or 0.0), self.images_seen)
                self.track(**{f"{name}_{key}": value for key, value in (values or {}).items()})

    def d_steps_now(self) -> int:
        """Return the number of D's steps before the next one of G."""
        return self.d_steps(self.g_steps_done) if callable(self.d_steps) else self.d_steps

    def context(self, player: Player, rng: StepRNG) -> StepContext:
        """Return the context of a player's step: its adversary may be a trick's substitute."""
        players = {"g": self.generator, "d": self.discriminator}
        adversary: Player = "d" if player == "g" else "g"
        for _, trick in self.named_tricks():
            players[adversary] = trick.substitute(adversary, players[adversary], cast(Any, self))
        return StepContext(rng, self.images_seen, self.d_steps_done, players["g"], players["d"], self.g_steps_done)

    def accumulate_gradients(
        self,
        player: Player,
        gradient: Callable[[Tensor, Tensor | None, StepContext], None],
        real: Tensor,
        y: Tensor | None,
    ) -> None:
        """Accumulate a player's gradients over the parts of the batch; processes exchange them at the last part alone."""
        labels = [None] * self.accumulate if y is None else y.chunk(self.accumulate)
        *parts, last = zip(real.chunk(self.accumulate), labels, self._rngs, strict=True)
        with self._without_exchange() if parts else nullcontext():
            for part, part_y, rng in parts:
                gradient(part, part_y, self.context(player, rng))
        part, part_y, rng = last
        gradient(part, part_y, self.context(player, rng))

    def manual_backward(self, loss: Tensor) -> None:
        """Accumulate the gradient of a part's loss, weighted by its share of the batch."""
        super().manual_backward(loss if self.accumulate == 1 else loss / self.accumulate)

    def step_networks(self, *networks: TrainedNetwork) -> None:
        """Step each network along its gradient, and clear it."""
        for network in networks:
            self.optimizer_of(network.name).step()
        self.clear_gradients(*networks)

    def clear_gradients(self, *networks: TrainedNetwork) -> None:
        """Clear the gradients of these networks without a step."""
        for network in networks:
            self.optimizer_of(network.name).zero_grad()

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

    @property
    def tracked(self) -> dict[str, Tensor]:
        """Values tracked in this step: scalars averaged over the parts of the batch, logits (N,) concatenated."""
        return {name: values[0] if len(values) == 1 else _joined(values) for name, values in self._tracked.items()}

    def _without_exchange(self) -> AbstractContextManager[None]:
        """Return a context in which processes keep their gradients to themselves."""
        return getattr(self.trainer.strategy.model, "no_sync", nullcontext)()

    @property
    def all_optimizers(self) -> list[LightningOptimizer]:
        """Optimizers in the order of `trained_networks`."""
        return cast(list[LightningOptimizer], self.optimizers())

    def optimizer_of(self, name: str) -> LightningOptimizer:
        """Return the optimizer of the trained network of this name."""
        names = [network.name for network in self.trained_networks()]
        return self.all_optimizers[names.index(name)]

    def _make_buffers_equal(self) -> None:
        """Give every process the first one's BatchNorm statistics and spectral-norm vectors.

        Under manual optimization Lightning's DDP does so at the first step only.
        """
        buffers = [buffer for buffer in self.buffers() if buffer.is_floating_point()]
        if self.trainer.world_size > 1 and buffers:
            together = torch.cat([buffer.flatten() for buffer in buffers])
            torch.distributed.broadcast(together, 0)
            for buffer, values in zip(buffers, together.split([buffer.numel() for buffer in buffers]), strict=True):
                buffer.copy_(values.view_as(buffer))


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).mean() if parts[0].ndim == 0 else torch.cat(parts)


def _nothing() -> None:
    """Do nothing, as a muted hook."""
