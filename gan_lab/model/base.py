"""What every GAN has that is no algorithm: its parts, clocks and optimizers, what it samples and what it saves.

Images are (N, C, H, W) in [-1, 1], points (N, 2, 1, 1), scores raw (N,), labels ``y`` (N,) or None.
"""

from collections.abc import Callable, ItemsView, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any, ClassVar, cast

import lightning as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lab import latents, losses
from gan_lab.errors import InputError
from gan_lab.model import dropout, ema
from gan_lab.penalties import Penalty
from gan_lab.rng import SampleRNG, StepRNG, Stream, key
from gan_lab.schedules import Constant, Schedule, value
from gan_lab.trick import Trick

Step = tuple[Tensor, Tensor | None]


class GANModule(L.LightningModule):
    """The LightningModule below `gan_lab.model.gan.GAN`.

    Args:
        generator: G(z, y) -> images, with ``latent_dim`` and, where it takes labels, their number ``num_classes``.
        discriminator: D(x, y) -> raw scores: ``head(features(x, y), y)``.
        g_optimizer: makes G's optimizer from its parameters.
        d_optimizer: makes D's optimizer from its parameters.
        penalties: added to D's loss, by name.
        regularizers: added to G's loss, by name.
        augments: what every image goes through on its way to D in training, in this order, by name.
        tricks: what changes targets, fakes, terms or weights, in this order, by name.
        schedule: the factor of all learning rates.
        latent: where z comes from, a function of `latents`.
        g_loss: G's loss on fake scores, for the models that leave it open (gan, dcgan).
        d_steps: D's steps per step of G, or a function of G's steps done.
        g_batch_ratio: fakes in a step of G per real in a batch.
        simultaneous: take both gradients before either step; the default alternates, D first.
        accumulate: parts that a batch is taken in, their gradients added up: the same step in less memory, but for what couples
            the images of a batch (BatchNorm).
        clip_grad_norm: largest norm of the gradient of each network, by its name in `networks`; None: no limit.
        ema_half_life_kimg: thousands of images after which a weight counts half in the average, or a schedule; 0 copies G.
        ema_ramp: limits the half-life to this share of the images seen; None does not.
        dropout_in_sampling: whether G's dropout stays on where it is judged and sampled; what it drops is a function of z then.
        seed: of every draw.
    """

    decision_threshold: ClassVar[float | None] = 0.0
    """The score at which D takes a sample for neither real nor fake; None where scores have no such origin."""

    networks: ClassVar[tuple[str, ...]] = ("g", "d")
    """What each of `configure_optimizers` moves: the prefix of its records and the key of its limits."""

    batch_dependent: ClassVar[bool] = False
    """Whether a loss of one image depends on the others of its batch: then parts of it, or processes, are not the whole."""

    takes_targets: ClassVar[bool] = False
    """Whether D's loss compares scores with targets, which a trick may soften."""

    needs_latents: ClassVar[bool] = False
    """Whether D's loss asks what the latents of a fake were: then no fake of another step can stand in for it."""

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
        schedule: Schedule = Constant(),  # noqa: B008 a frozen number in effect
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
        self.automatic_optimization = False
        self.generator: Any = generator
        self.discriminator: Any = discriminator
        self.generator_ema = deepcopy(generator).eval().requires_grad_(False)
        self.penalties = nn.ModuleDict(penalties or {})
        self.regularizers = nn.ModuleDict(regularizers or {})
        self.augments = nn.ModuleDict(augments or {})
        self.tricks = nn.ModuleDict(tricks or {})
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

    # ----- one step --------------------------------------------------------------------------------------------------

    def begin_step(self) -> None:
        """Key all that is random in this step by its number, and set the learning rates."""
        self._tracked = {}
        rank, step = self.global_rank, self.d_steps_done
        shares = self.trainer.world_size * self.accumulate  # a part draws as a process of its own would
        self.rngs = [
            StepRNG(self.seed, Stream.STEP, step, device=self.device, rank=rank * self.accumulate + part, world_size=shares)
            for part in range(self.accumulate)
        ]
        torch.manual_seed(key(self.seed, Stream.LAYERS, rank, step))
        factor = self.schedule(self.images_seen)
        for optimizer in self.all_optimizers:
            for group in optimizer.param_groups:
                group["lr"] = optimizer.optimizer.defaults["lr"] * factor
        # Lightning counts the steps of every optimizer in `global_step`; only the generator's should count there. The hooks
        # are set anew at each training step, and there is no public switch (pytorch-lightning#17958).
        for optimizer in self.all_optimizers[1:]:
            optimizer._on_before_step = optimizer._on_after_step = _nothing

    def end_step(self, batch_size: int, g_stepped: bool) -> None:
        """Move the clocks and, after a step of G, the average; make the processes equal."""
        global_batch = batch_size * self.trainer.world_size
        self.images_seen += global_batch
        self.d_steps_done += 1
        self.d_steps_since_g += 1
        self._make_buffers_equal()
        if g_stepped:
            images = self.d_steps_since_g * global_batch
            half_life = value(self.ema_half_life_kimg, self.images_seen)
            decay = ema.decay(images, self.images_seen, half_life, self.ema_ramp)
            ema.update(self.generator_ema, self.generator, decay)
            self.g_steps_done += 1
            self.d_steps_since_g = 0
        for _, trick in self.named_tricks():
            trick.after_step(self)

    def d_steps_now(self) -> int:
        """D's steps before the next one of G."""
        return self.d_steps(self.g_steps_done) if callable(self.d_steps) else self.d_steps

    def accumulate_gradients(self, gradient: Callable[[Tensor, Tensor | None], None], real: Tensor, y: Tensor | None) -> None:
        """The gradients of all parts of the batch; processes exchange them at the last part alone."""
        labels = [None] * self.accumulate if y is None else y.chunk(self.accumulate)
        *parts, last = zip(self.rngs, real.chunk(self.accumulate), labels, strict=True)
        with self._without_exchange() if parts else nullcontext():
            for self.rng, part, part_y in parts:
                gradient(part, part_y)
        self.rng, part, part_y = last
        gradient(part, part_y)

    def manual_backward(self, loss: Tensor) -> None:
        """Add the gradient of a part's loss, which counts by its share of the batch."""
        super().manual_backward(loss if self.accumulate == 1 else loss / self.accumulate)

    def named_penalties(self) -> ItemsView[str, Penalty]:
        """The penalties by name."""
        return cast(ItemsView[str, Penalty], self.penalties.items())

    def named_tricks(self) -> ItemsView[str, Trick]:
        """The tricks by name, in their order."""
        return cast(ItemsView[str, Trick], self.tricks.items())

    def track(self, **values: Tensor) -> None:
        """Keep values of this part for the callbacks, as tensors: reading one here would make the device wait."""
        for name, tensor in values.items():
            self._tracked.setdefault(name, []).append(tensor.detach())

    @property
    def tracked(self) -> dict[str, Tensor]:
        """What was tracked in this step: scalars averaged over the parts of the batch, scores (N,) one after the other."""
        return {name: values[0] if len(values) == 1 else _joined(values) for name, values in self._tracked.items()}

    def _without_exchange(self) -> AbstractContextManager[None]:
        """Within it, processes keep their gradients to themselves."""
        return getattr(self.trainer.strategy.model, "no_sync", nullcontext)()

    # ----- D as it is used -------------------------------------------------------------------------------------------

    def logits(self, images: Tensor, y: Tensor | None) -> Tensor:
        """D as it is used everywhere: raw scores (N,), in float32 under autocast too, as half precision would round losses."""
        return self.discriminator(self.augmented(images), y).to(images.dtype)

    def features(self, images: Tensor, y: Tensor | None) -> Tensor:
        """D's last hidden layer, of images as it sees them; `head` makes scores of it."""
        return self.discriminator.features(self.augmented(images), y)

    def head(self, features: Tensor, y: Tensor | None) -> Tensor:
        """Raw scores (N,) of features, in float32."""
        return self.discriminator.head(features, y).to(self.float_type)

    def augmented(self, images: Tensor) -> Tensor:
        """Images as D sees them: in training through every augmentation."""
        for augment in self.augments.values() if self.training else ():
            images = augment(images, self.rng, self.images_seen)
        return images

    # ----- optimizers ------------------------------------------------------------------------------------------------

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Limit the norm of the gradient: here, where that of a 16-bit loss has its scale again."""
        limit = self.clip_grad_norm.get(self.network_of(optimizer))
        if limit is not None:
            nn.utils.clip_grad_norm_([weight for group in optimizer.param_groups for weight in group["params"]], limit)

    def network_of(self, optimizer: Optimizer) -> str:
        """What this optimizer moves, of `networks`."""
        return self.networks[[id(each) for each in self.trainer.optimizers].index(id(optimizer))]

    # ----- sampling and judging --------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(self, z: Tensor, y: Tensor | None = None, ema: bool = True) -> Tensor:
        """Images of the latents z (N, latent_dim), in float32 and evaluation mode, by the average or by G itself."""
        generator = self.generator_ema if ema else self.generator
        was_training = generator.training
        generator.eval()
        dropping = dropout.kept(generator, z) if self.dropout_in_sampling else nullcontext()
        try:
            with torch.autocast(self.device.type, enabled=False), dropping:
                return generator(z.to(next(generator.parameters())), y)
        finally:
            generator.train(was_training)

    def sample(
        self, indices: Sequence[int], seed: int | None = None, ema: bool = True, classes: Sequence[int] | None = None
    ) -> Tensor:
        """The images of these sample numbers, (N, C, H, W); the same seed and number give the same latent and label.

        Args:
            indices: the numbers.
            seed: of the latents; None: the run's.
            ema: by the averaged generator, or by G itself.
            classes: the labels, taken in turn; None: all that there are.
        """
        z = self.latent_rows(indices, self.seed if seed is None else seed)
        return self.generate(z, self.labels(indices, classes), ema)

    def labels(self, indices: Sequence[int], classes: Sequence[int] | None = None) -> Tensor | None:
        """The labels of these sample numbers, the classes in turn; None where G takes no labels."""
        if (found := self.num_classes) is None:
            if classes is not None:
                raise InputError("this GAN was trained without labels: leave out classes=")
            return None
        classes = range(found) if classes is None else classes
        if bad := [label for label in classes if not 0 <= label < found]:
            raise InputError(f"classes={list(classes)}: there is no class {bad[0]}, use 0 to {found - 1}")
        return torch.tensor([classes[index % len(classes)] for index in indices], device=self.device)

    @property
    def num_classes(self) -> int | None:
        """How many labels G takes; None: it makes images without."""
        return getattr(self.generator, "num_classes", None)

    def preview(self, n: int) -> Tensor:
        """The pictures that a run shows over time: about ``n`` images (N, C, H, W), in rows of ``columns``."""
        whole_rows = n if self.columns is None else max(1, n // self.columns) * self.columns
        return self.sample(range(whole_rows))

    @property
    def columns(self) -> int | None:
        """How many pictures make a row of a grid: one of each class where there are few; None: a square."""
        return self.num_classes if self.num_classes and self.num_classes <= 20 else None

    def latent_rows(self, indices: Sequence[int], seed: int, stream: Stream = Stream.SAMPLE) -> Tensor:
        """The latents of these sample numbers (N, latent_dim): the same bit for bit on any batch size and device."""
        return self.latent(SampleRNG(seed, stream, indices=indices), len(indices), self.generator.latent_dim)

    def validation_step(self, batch: Step, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Tensor | None]:
        """What the callbacks judge: reals, D's scores of them and, beside held-out reals, as many fakes.

        ``asked`` are the labels of the fakes, and of the reals; None where G takes none.
        """
        return self._judged(batch, batch_idx, dataloader_idx, Stream.VALIDATION)

    def test_step(self, batch: Step, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Tensor | None]:
        """The same on latents by which no checkpoint was chosen."""
        return self._judged(batch, batch_idx, dataloader_idx, Stream.FINAL)

    def _judged(self, batch: Step, batch_idx: int, dataloader_idx: int, stream: Stream) -> dict[str, Tensor | None]:
        real, y = batch[0].to(self.float_type), batch[1]
        judged: dict[str, Tensor | None] = {"real": real, "real_logits": self.logits(real, y)}
        if dataloader_idx == 0:
            first = batch_idx * self.trainer.datamodule.eval_batch_size  # type: ignore[attr-defined]  # `fit` sets it
            indices = [i * self.trainer.world_size + self.global_rank for i in range(first, first + len(real))]
            judged["fake"] = self.generate(self.latent_rows(indices, self.seed, stream), y)
            judged["asked"] = y if self.num_classes else None
        return judged

    # ----- state -----------------------------------------------------------------------------------------------------

    @property
    def float_type(self) -> torch.dtype:
        """What the weights are: float32, or float64 with ``trainer.precision=64-true``."""
        return cast(torch.dtype, self.dtype)

    @property
    def all_optimizers(self) -> list[LightningOptimizer]:
        """G's, then D's, then a further network's."""
        return cast(list[LightningOptimizer], self.optimizers())

    def configure_optimizers(self) -> list[Optimizer]:
        """G's optimizer, then D's."""
        return [self.g_optimizer(self.generator.parameters()), self.d_optimizer(self.discriminator.parameters())]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """What this run's configuration says of the optimizers wins; one of another class starts without a memory."""
        for stored, optimizer in zip(checkpoint["optimizer_states"], self.configure_optimizers(), strict=True):
            if stored["param_groups"][0].keys() - {"params"} != optimizer.param_groups[0].keys() - {"params"}:
                stored["state"] = {}
            stored["param_groups"] = [{"params": group["params"]} | optimizer.defaults for group in stored["param_groups"]]

    def on_fit_start(self) -> None:
        """Refuse an order of steps that would be wrong."""
        if self.simultaneous and getattr(self.trainer.precision_plugin, "scaler", None):
            raise InputError(
                "model.simultaneous=true does not go with 16-bit floats, whose scale changes between the two steps: "
                "use trainer.precision=bf16-mixed or 32-true"
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
        """The clocks. Python ints: a buffer would make the device wait at each reading."""
        return {clock: getattr(self, clock) for clock in CLOCKS}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Set the clocks."""
        for clock in CLOCKS:
            setattr(self, clock, state[clock])


CLOCKS = ("images_seen", "d_steps_done", "g_steps_done", "d_steps_since_g")


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).mean() if parts[0].ndim == 0 else torch.cat(parts)


def _nothing() -> None:
    """What a muted hook does."""
