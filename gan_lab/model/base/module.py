"""The LightningModule below every GAN: its networks, clocks, optimizers, samples and checkpoints, and no algorithm.

Images are (N, C, H, W) in [-1, 1], points (N, 2, 1, 1), logits raw (N,), labels ``y`` (N,) or None.
"""

from collections.abc import Callable, ItemsView, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from itertools import product
from typing import Any, ClassVar, cast

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lab import latents, losses
from gan_lab.errors import InputError
from gan_lab.model import ema
from gan_lab.model.base.networks import Player, TrainedNetwork, checked, reconfigure
from gan_lab.model.base.sampling import Sampling
from gan_lab.model.batch import StepContext, unpack
from gan_lab.network.protocol import check_discriminator, check_generator, is_discriminator
from gan_lab.penalties import Penalty
from gan_lab.rng import StepRNG, Stream, key
from gan_lab.schedules import Constant, Schedule, value
from gan_lab.trick import Trick


class GANModule(Sampling):
    """The LightningModule below `gan_lab.model.gan.GAN`.

    Args:
        generator: G(z, y) -> images; see `gan_lab.network.protocol.Generator`.
        discriminator: D(x, y) -> raw logits, ``head(features(x, y), y)``; see `gan_lab.network.protocol.Discriminator`.
        g_optimizer: makes G's optimizer from its parameters.
        d_optimizer: makes D's optimizer from its parameters.
        penalties: terms of D's loss, by name.
        regularizers: terms of G's loss, by name.
        augments: augmentations of all that D sees in training, in this order, by name.
        tricks: changes of targets, fakes, terms or weights, in this order, by name.
        schedule: factor of all learning rates.
        latent: source of z, a function of `gan_lab.latents`.
        g_loss: G's loss on fake logits, for the models that leave it open (gan, dcgan).
        d_steps: D's steps per step of G, or a function of G's steps done.
        g_batch_ratio: fakes in a step of G per real in a batch.
        simultaneous: take both gradients before either step; the default alternates, D first.
        accumulate: parts in which a batch is taken, their gradients accumulated: the same step in less memory, except for what
            couples the images of a batch (BatchNorm).
        clip_grad_norm: largest gradient norm of each trained network, by its name; None: no limit.
        ema_half_life_kimg: half-life of a weight in the average, in thousands of images, or a schedule; 0 copies G.
        ema_ramp: limits the half-life to this share of the images seen; None does not.
        dropout_in_sampling: whether G's dropout stays on in evaluation and sampling, as a function of z.
        seed: of every draw.
    """

    decision_threshold: ClassVar[float | None] = 0.0
    """The logit at which D takes a sample for neither real nor fake; None where logits have no such origin."""

    batch_dependent: ClassVar[bool] = False
    """Whether the loss of one image depends on the others of its batch, so that parts or ranks differ from the whole batch."""

    takes_targets: ClassVar[bool] = False
    """Whether D's loss compares logits with targets, which a trick may soften."""

    needs_latents: ClassVar[bool] = False
    """Whether D's loss reads the latents of a fake, so that no fake of another step can replace it."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        g_optimizer: Callable[..., Optimizer],
        d_optimizer: Callable[..., Optimizer],
        *,
        penalties: Mapping[str, Penalty] | None = None,
        regularizers: Mapping[str, nn.Module] | None = None,
        augments: Mapping[str, nn.Module] | None = None,
        tricks: Mapping[str, Trick] | None = None,
        schedule: Schedule = Constant(),  # noqa: B008 immutable in effect
        latent: Callable[..., Tensor] = latents.normal,
        g_loss: Callable[[Tensor], Tensor] = losses.non_saturating_g,
        d_steps: int | Callable[[int], int] = 1,
        g_batch_ratio: int = 1,
        simultaneous: bool = False,
        accumulate: int = 1,
        clip_grad_norm: Mapping[str, float | None] | None = None,
        ema_half_life_kimg: float | Schedule = 10.0,
        ema_ramp: float | None = 0.05,
        dropout_in_sampling: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_generator(generator)
        check_discriminator(discriminator)
        self.automatic_optimization = False
        self.generator: Any = generator
        self.discriminator: Any = discriminator
        self.generator_ema = deepcopy(generator).eval().requires_grad_(False)
        self.penalties = nn.ModuleDict(checked(penalties, Penalty, "penalty"))
        self.regularizers = nn.ModuleDict(checked(regularizers, nn.Module, "regularizer", ("generator", "batch")))
        self.augments = nn.ModuleDict(checked(augments, nn.Module, "augment", ("images", "rng", "images_seen")))
        self.tricks = nn.ModuleDict(checked(tricks, Trick, "trick"))
        for name, penalty in self.named_penalties():
            penalty.check(name, discriminator)
        for name, trick in self.named_tricks():
            trick.check(name, self)
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self.schedule, self.latent, self.g_loss = schedule, latent, g_loss
        self.d_steps, self.g_batch_ratio, self.simultaneous = d_steps, g_batch_ratio, simultaneous
        self.accumulate, self.clip_grad_norm = accumulate, clip_grad_norm or {}
        self.ema_half_life_kimg, self.ema_ramp, self.seed = ema_half_life_kimg, ema_ramp, seed
        self.dropout_in_sampling = dropout_in_sampling
        self.images_seen = self.d_steps_done = self.g_steps_done = self.d_steps_since_g = 0
        self._tracked: dict[str, list[Tensor]] = {}
        self._column_is_said = False

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

    # ----- one step --------------------------------------------------------------------------------------------------

    def begin_step(self) -> None:
        """Seed all draws of this step by its number, and set the learning rates."""
        self._tracked = {}
        rank, step = self.global_rank, self.d_steps_done
        shares = self.trainer.world_size * self.accumulate  # a part draws as a process of its own would
        self._rngs = [
            StepRNG(self.seed, Stream.STEP, step, device=self.device, rank=rank * self.accumulate + part, world_size=shares)
            for part in range(self.accumulate)
        ]
        torch.manual_seed(key(self.seed, Stream.LAYERS, rank, step))
        factor = self.schedule(self.images_seen)
        for optimizer in self.all_optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        # Lightning counts the steps of every optimizer in `global_step`; only the generator's should count there. The hooks
        # are set anew at each training step, and there is no public switch (pytorch-lightning#17958).
        for network, optimizer in zip(self.trained_networks(), self.all_optimizers, strict=True):
            if network.name != "g":
                optimizer._on_before_step = optimizer._on_after_step = _nothing

    def end_step(self, batch_size: int, g_stepped: bool) -> None:
        """Advance the clocks and, after a step of G, the averages; make the buffers of all processes equal."""
        global_batch = batch_size * self.trainer.world_size
        self.images_seen += global_batch
        self.d_steps_done += 1
        self.d_steps_since_g += 1
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
            trick.after_step(self)

    def d_steps_now(self) -> int:
        """Return the number of D's steps before the next one of G."""
        return self.d_steps(self.g_steps_done) if callable(self.d_steps) else self.d_steps

    def context(self, player: Player, rng: StepRNG) -> StepContext:
        """Return the context of a player's step: its adversary may be a trick's substitute."""
        players = {"g": self.generator, "d": self.discriminator}
        adversary: Player = "d" if player == "g" else "g"
        for _, trick in self.named_tricks():
            players[adversary] = trick.substitute(adversary, players[adversary], self)
        return StepContext(rng, self.images_seen, self.d_steps_done, players["g"], players["d"])

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
            self._optimizer_of(network).step()
        self.clear_gradients(*networks)

    def clear_gradients(self, *networks: TrainedNetwork) -> None:
        """Clear the gradients of these networks without a step."""
        for network in networks:
            self._optimizer_of(network).zero_grad()

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

    # ----- D, augmentation included ----------------------------------------------------------------------------------

    def logits(self, images: Tensor, y: Tensor | None = None, step: StepContext | None = None) -> Tensor:
        """Return D's raw logits (N,) in the weights' precision, as half precision would round losses.

        Args:
            images: (N, C, H, W).
            y: labels (N,) or None.
            step: of training, with its augmentation and the discriminator in use; None: D itself, without augmentation.
        """
        return self.head(self.features(images, y, step), y, step)

    def features(self, images: Tensor, y: Tensor | None = None, step: StepContext | None = None) -> Tensor:
        """Return D's last hidden layer (N, F); see `logits` for the arguments."""
        discriminator = step.discriminator if step else self.discriminator
        return discriminator.features(self.augmented(images, step) if step else images, y)

    def head(self, features: Tensor, y: Tensor | None = None, step: StepContext | None = None) -> Tensor:
        """Return D's raw logits (N,) of features; a column (N, 1) is taken as (N,)."""
        logits = (step.discriminator if step else self.discriminator).head(features, y).to(self.float_type)
        if logits.ndim == 2 and logits.shape[1] == 1:
            if not self._column_is_said:
                rank_zero_warn("D's logits are (N, 1) and are taken as (N,): end its head with .squeeze(1)")
            self._column_is_said = True
            return logits.squeeze(1)
        return logits

    def augmented(self, images: Tensor, step: StepContext) -> Tensor:
        """Return images after every augmentation."""
        for augment in self.augments.values():
            images = augment(images, step.rng, step.images_seen)
        return images

    # ----- optimizers ------------------------------------------------------------------------------------------------

    def configure_optimizers(self) -> list[Optimizer]:
        """Return the optimizers of `trained_networks`, in its order.

        Each parameter group keeps the rate that it is made with here as ``initial_lr``, which `schedule` scales.
        """
        return [network.optimizer(network.module.parameters()) for network in self.trained_networks()]

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Clip the norm of the gradient: here, where that of a 16-bit loss has its scale again."""
        limit = self.clip_grad_norm.get(self.network_of(optimizer))
        if limit is not None:
            nn.utils.clip_grad_norm_([weight for group in optimizer.param_groups for weight in group["params"]], limit)

    def network_of(self, optimizer: Optimizer) -> str:
        """Return the name of the network that this optimizer moves."""
        number = [id(each) for each in self.trainer.optimizers].index(id(optimizer))
        return self.trained_networks()[number].name

    @property
    def all_optimizers(self) -> list[LightningOptimizer]:
        """Optimizers in the order of `trained_networks`."""
        return cast(list[LightningOptimizer], self.optimizers())

    def optimizer_of(self, name: str) -> LightningOptimizer:
        """Return the optimizer of the trained network of this name."""
        names = [network.name for network in self.trained_networks()]
        return self.all_optimizers[names.index(name)]

    def _optimizer_of(self, network: TrainedNetwork) -> LightningOptimizer:
        return self.optimizer_of(network.name)

    # ----- validation ----------------------------------------------------------------------------------------------------

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Tensor | None]:
        """Return what the callbacks judge: reals, D's logits of them and, beside held-out reals, as many fakes.

        ``asked`` are the labels given to G, those of the reals; None where G takes none.
        """
        return self._judged(batch, batch_idx, dataloader_idx, Stream.VALIDATION)

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Tensor | None]:
        """Return the same on latents by which no checkpoint was chosen."""
        return self._judged(batch, batch_idx, dataloader_idx, Stream.FINAL)

    def _judged(self, batch: Any, batch_idx: int, dataloader_idx: int, stream: Stream) -> dict[str, Tensor | None]:
        real, y = unpack(batch, self.float_type)
        judged: dict[str, Tensor | None] = {"real": real, "real_logits": self.logits(real, y)}
        if dataloader_idx == 0:
            data = getattr(self.trainer, "datamodule", None)
            first = batch_idx * getattr(data, "eval_batch_size", len(real))
            indices = [i * self.trainer.world_size + self.global_rank for i in range(first, first + len(real))]
            judged["fake"] = self.generate(self.latent_rows(indices, self.seed, stream), y)
            judged["asked"] = y if self.num_classes else None
        return judged

    # ----- state -----------------------------------------------------------------------------------------------------

    @property
    def float_type(self) -> torch.dtype:
        """Precision of the weights: float32, or float64 with ``trainer.precision=64-true``."""
        return cast(torch.dtype, self.dtype)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let this run's configuration of the optimizers win; one of another class or grouping starts without a memory."""
        for stored, optimizer in zip(checkpoint["optimizer_states"], self.configure_optimizers(), strict=True):
            reconfigure(stored, optimizer)

    def on_fit_start(self) -> None:
        """Refuse an order of steps that would be wrong, and penalties that do not suit every discriminator."""
        if self.simultaneous and getattr(self.trainer.precision_plugin, "scaler", None):
            raise InputError(
                "model.simultaneous=true does not go with 16-bit floats, whose scale changes between the two steps: "
                "use trainer.precision=bf16-mixed or 32-true"
            )
        for network, (name, penalty) in product(self.further_discriminators(), self.named_penalties()):
            penalty.check(name, network.module)
            if next(penalty.buffers(), None) is not None:
                raise InputError(
                    f"penalty={name} keeps statistics of one discriminator, and this model trains several: leave it out"
                )

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

    def get_extra_state(self) -> dict[str, int]:
        """Return the clocks. Python ints: a buffer would make the device wait at each reading."""
        return {clock: getattr(self, clock) for clock in CLOCKS}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Set the clocks."""
        for clock in CLOCKS:
            setattr(self, clock, state[clock])


CLOCKS = ("images_seen", "d_steps_done", "g_steps_done", "d_steps_since_g")


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).mean() if parts[0].ndim == 0 else torch.cat(parts)


def _nothing() -> None:
    """Do nothing, as a muted hook."""
