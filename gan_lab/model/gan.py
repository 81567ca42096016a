"""Generative adversarial nets (Goodfellow 2014, https://arxiv.org/abs/1406.2661): the first GAN and the base of all others.

Images are (N, C, H, W) in [-1, 1], points (N, 2, 1, 1), scores raw (N,), labels ``y`` (N,) or None.
"""

from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from typing import Any, ClassVar, cast

import lightning as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lab import ema, latents, losses
from gan_lab.batch import Batch
from gan_lab.errors import InputError
from gan_lab.noise import Noise, Rows, Stream, key
from gan_lab.penalties import Penalty
from gan_lab.schedules import Constant, Schedule

Step = tuple[Tensor, Tensor | None]


class GAN(L.LightningModule):
    """D learns to tell reals from fakes, G to be taken for real: algorithm 1 of the paper.

    Algorithm 1: for k = ``d_steps`` minibatches descend on D's loss (eq. 1), then descend once on G's. One batch is one step of
    D, on fresh reals; every ``d_steps``-th batch is also a step of G, with latents of its own.

    Differs from the paper: G's loss is the non-saturating one by default (the paper's section 3 proposes it; its box has
    `losses.saturating_g`), and an average of G's weights is what is judged and sampled.

    Args:
        generator: G(z, y) -> images, with ``latent_dim``.
        discriminator: D(x, y) -> raw scores.
        g_optimizer: makes G's optimizer from its parameters.
        d_optimizer: makes D's optimizer from its parameters.
        penalties: added to D's loss, by name.
        regularizers: added to G's loss, by name.
        schedule: the factor of both learning rates.
        latent: where z comes from, a function of `latents`.
        g_loss: G's loss on fake scores, for the models that leave it open (gan, dcgan).
        d_steps: D's steps per step of G, or a function of G's steps done.
        g_batch_ratio: fakes in a step of G per real in a batch.
        simultaneous: take both gradients before either step; the default alternates, D first.
        accumulate: parts that a batch is taken in, their gradients added up: the same step in less memory, but for what couples
            the images of a batch (BatchNorm).
        clip_grad_norm: largest norm of the gradient of each network, by its name in `networks`; None: no limit.
        ema_half_life_kimg: thousands of images after which a weight counts half in the average; 0 copies G.
        ema_ramp: limits the half-life to this share of the images seen; None does not.
        seed: of every draw.
    """

    undecided: ClassVar[float | None] = 0.0
    """The score at which D takes a sample for neither real nor fake; None where scores have no such origin."""

    networks: ClassVar[tuple[str, ...]] = ("g", "d")
    """What each of `configure_optimizers` moves: the prefix of its records and the key of its limits."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        g_optimizer: Callable[..., Optimizer],
        d_optimizer: Callable[..., Optimizer],
        *,
        penalties: Mapping[str, Penalty] | None = None,
        regularizers: Mapping[str, nn.Module] | None = None,
        schedule: Schedule = Constant(),  # noqa: B008 a frozen number in effect
        latent: Callable[..., Tensor] = latents.normal,
        g_loss: Callable[[Tensor], Tensor] = losses.non_saturating_g,
        d_steps: int | Callable[[int], int] = 1,
        g_batch_ratio: int = 1,
        simultaneous: bool = False,
        accumulate: int = 1,
        clip_grad_norm: Mapping[str, float | None] | None = None,
        ema_half_life_kimg: float = 10.0,
        ema_ramp: float | None = 0.05,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = generator, discriminator
        self.generator_ema = deepcopy(generator).eval().requires_grad_(False)
        self.penalties = nn.ModuleDict(penalties or {})
        self.regularizers = nn.ModuleDict(regularizers or {})
        for name, penalty in (penalties or {}).items():
            penalty.check(name, discriminator)
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self.schedule, self.latent, self.g_loss = schedule, latent, g_loss
        self.d_steps, self.g_batch_ratio, self.simultaneous = d_steps, g_batch_ratio, simultaneous
        self.accumulate, self.clip_grad_norm = accumulate, clip_grad_norm or {}
        self.ema_half_life_kimg, self.ema_ramp, self.seed = ema_half_life_kimg, ema_ramp, seed
        self.images_seen = self.d_steps_done = self.g_steps_done = self.d_steps_since_g = 0
        self._tracked: dict[str, list[Tensor]] = {}

    # ----- the two losses --------------------------------------------------------------------------------------------

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """-E[log sigma(D(x))] - E[log(1 - sigma(D(G(z))))], eq. 1."""
        return losses.vanilla_d(batch.real_scores, batch.fake_scores)

    def generator_loss(self, batch: Batch) -> Tensor:
        """``g_loss`` of the fake scores."""
        return self.g_loss(batch.fake_scores)

    # ----- the alternation -------------------------------------------------------------------------------------------

    def training_step(self, batch: Step, batch_idx: int) -> None:
        """One step of D, and of G when it is due."""
        real, y = batch[0].to(self.float_type), batch[1]
        self._begin_step()
        g_is_due = self.d_steps_since_g + 1 >= self._d_steps_now()

        self.add_up(self.discriminator_gradient, real, y)
        if not self.simultaneous:
            self.discriminator_step()
        if g_is_due:
            self.add_up(self.generator_gradient, real, y)
        if self.simultaneous:
            self.discriminator_step()
        if g_is_due:
            self.generator_step()

        self._advance(len(real), g_is_due)

    def discriminator_gradient(self, real: Tensor, y: Tensor | None) -> None:
        """The gradient of D's loss and penalties, on reals and on fakes that G makes now."""
        with torch.no_grad():
            fake = self.generator(self.latents(len(real)), y).to(real.dtype)
        batch = self._batch(real, fake, y, y)
        loss = self.discriminator_loss(batch)
        terms = {name: p(self.score, batch) for name, p in self.named_penalties() if p.is_due(batch)}
        self.track(d_loss=loss, real_scores=batch.real_scores, fake_scores=batch.fake_scores, **terms)
        self.manual_backward(sum(terms.values(), loss))

    def discriminator_step(self) -> None:
        """Move D along its gradient, and forget that."""
        self.both_optimizers[1].step()
        self.both_optimizers[1].zero_grad()

    def generator_gradient(self, real: Tensor, y: Tensor | None) -> None:
        """The gradient of G's loss on fresh fakes; D's weights are frozen meanwhile, so that none is spent on them."""
        with frozen(self.discriminator):
            fake_y = None if y is None else y.repeat_interleave(self.g_batch_ratio)
            fake = self.generator(self.latents(len(real) * self.g_batch_ratio), fake_y).to(real.dtype)
            batch = self._batch(real, fake, y, fake_y)
            loss = self.generator_loss(batch)
            terms = {name: r(self.generator, batch) for name, r in self.regularizers.items()}
            self.track(g_loss=loss, **terms)
            self.manual_backward(sum(terms.values(), loss))

    def generator_step(self) -> None:
        """Move G along its gradient, and forget that."""
        self.both_optimizers[0].step()
        self.both_optimizers[0].zero_grad()

    def add_up(self, gradient: Callable[[Tensor, Tensor | None], None], real: Tensor, y: Tensor | None) -> None:
        """The gradients of all parts of the batch; processes exchange them at the last part alone."""
        labels = [None] * self.accumulate if y is None else y.chunk(self.accumulate)
        *parts, last = zip(self.noises, real.chunk(self.accumulate), labels, strict=True)
        with self._without_exchange() if parts else nullcontext():
            for self.noise, part, part_y in parts:
                gradient(part, part_y)
        self.noise, part, part_y = last
        gradient(part, part_y)

    def manual_backward(self, loss: Tensor) -> None:
        """Add the gradient of a part's loss, which counts by its share of the batch."""
        super().manual_backward(loss if self.accumulate == 1 else loss / self.accumulate)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Limit the norm of the gradient: here, where that of a 16-bit loss has its scale again."""
        limit = self.clip_grad_norm.get(self.network_of(optimizer))
        if limit is not None:
            nn.utils.clip_grad_norm_([weight for group in optimizer.param_groups for weight in group["params"]], limit)

    def network_of(self, optimizer: Optimizer) -> str:
        """What this optimizer moves, of `networks`."""
        return self.networks[[id(each) for each in self.trainer.optimizers].index(id(optimizer))]

    def score(self, images: Tensor, y: Tensor | None) -> Tensor:
        """D as it is used everywhere: raw scores (N,), in float32 under autocast too, as half precision would round losses."""
        return self.discriminator(images, y).to(images.dtype)

    def latents(self, n: int) -> Tensor:
        """This step's next latents (n, latent_dim)."""
        return self.latent(self.noise, n, self.generator.latent_dim).to(self.float_type)

    def _begin_step(self) -> None:
        """Key all that is random in this step by its number, and set the learning rates."""
        self._tracked = {}
        rank, step = self.global_rank, self.d_steps_done
        shares = self.trainer.world_size * self.accumulate  # a part draws as a process of its own would
        self.noises = [
            Noise(self.seed, Stream.STEP, step, device=self.device, rank=rank * self.accumulate + part, world_size=shares)
            for part in range(self.accumulate)
        ]
        torch.manual_seed(key(self.seed, Stream.LAYERS, rank, step))
        factor = self.schedule(self.images_seen)
        for optimizer in self.both_optimizers:
            for group in optimizer.param_groups:
                group["lr"] = optimizer.optimizer.defaults["lr"] * factor
        # Lightning counts the steps of every optimizer in `global_step`; only the generator's should count there. The hooks
        # are set anew at each training step, and there is no public switch (pytorch-lightning#17958).
        for optimizer in self.both_optimizers[1:]:
            optimizer._on_before_step = optimizer._on_after_step = _nothing

    def _advance(self, batch_size: int, g_stepped: bool) -> None:
        """Move the clocks and, after a step of G, the average; make the processes equal."""
        global_batch = batch_size * self.trainer.world_size
        self.images_seen += global_batch
        self.d_steps_done += 1
        self.d_steps_since_g += 1
        self._make_buffers_equal()
        if g_stepped:
            images = self.d_steps_since_g * global_batch
            decay = ema.decay(images, self.images_seen, self.ema_half_life_kimg, self.ema_ramp)
            ema.update(self.generator_ema, self.generator, decay)
            self.g_steps_done += 1
            self.d_steps_since_g = 0

    def _d_steps_now(self) -> int:
        return self.d_steps(self.g_steps_done) if callable(self.d_steps) else self.d_steps

    def _batch(self, real: Tensor, fake: Tensor, y: Tensor | None, fake_y: Tensor | None) -> Batch:
        return Batch(real, fake, y, fake_y, self.score, self.noise, self.images_seen, self.d_steps_done)

    def named_penalties(self) -> ItemsView[str, Penalty]:
        """The penalties by name."""
        return cast(ItemsView[str, Penalty], self.penalties.items())

    def track(self, **values: Tensor) -> None:
        """Keep values of this part for the callbacks, as tensors: reading one here would make the device wait."""
        for name, value in values.items():
            self._tracked.setdefault(name, []).append(value.detach())

    @property
    def tracked(self) -> dict[str, Tensor]:
        """What was tracked in this step: scalars averaged over the parts of the batch, scores (N,) one after the other."""
        return {name: values[0] if len(values) == 1 else _joined(values) for name, values in self._tracked.items()}

    def _without_exchange(self) -> AbstractContextManager[None]:
        """Within it, processes keep their gradients to themselves."""
        return getattr(self.trainer.strategy.model, "no_sync", nullcontext)()

    # ----- sampling and judging --------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(self, z: Tensor, y: Tensor | None = None, ema: bool = True) -> Tensor:
        """Images of the latents z (N, latent_dim), in float32 and evaluation mode, by the average or by G itself."""
        generator = self.generator_ema if ema else self.generator
        was_training = generator.training
        generator.eval()
        try:
            with torch.autocast(self.device.type, enabled=False):
                return generator(z.to(next(generator.parameters())), y)
        finally:
            generator.train(was_training)

    def sample(self, indices: Sequence[int], seed: int | None = None, ema: bool = True) -> Tensor:
        """The images of these sample numbers, (N, C, H, W); the same seed and number give the same latent."""
        return self.generate(self.latent_rows(indices, self.seed if seed is None else seed), ema=ema)

    def latent_rows(self, indices: Sequence[int], seed: int, stream: Stream = Stream.SAMPLE) -> Tensor:
        """The latents of these sample numbers (N, latent_dim): the same bit for bit on any batch size and device."""
        return self.latent(Rows(seed, stream, indices=indices), len(indices), self.generator.latent_dim)

    def validation_step(self, batch: Step, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Tensor]:
        """What the callbacks judge: reals, D's scores of them and, beside held-out reals, as many fakes."""
        return self._judged(batch, batch_idx, dataloader_idx, Stream.VALIDATION)

    def test_step(self, batch: Step, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Tensor]:
        """The same on latents by which no checkpoint was chosen."""
        return self._judged(batch, batch_idx, dataloader_idx, Stream.FINAL)

    def _judged(self, batch: Step, batch_idx: int, dataloader_idx: int, stream: Stream) -> dict[str, Tensor]:
        real, y = batch[0].to(self.float_type), batch[1]
        judged = {"real": real, "real_scores": self.score(real, y)}
        if dataloader_idx == 0:
            first = batch_idx * self.trainer.datamodule.eval_batch_size  # type: ignore[attr-defined]  # `fit` sets it
            indices = [i * self.trainer.world_size + self.global_rank for i in range(first, first + len(real))]
            judged["fake"] = self.generate(self.latent_rows(indices, self.seed, stream), y)
        return judged

    # ----- state -----------------------------------------------------------------------------------------------------

    @property
    def float_type(self) -> torch.dtype:
        """What the weights are: float32, or float64 with ``trainer.precision=64-true``."""
        return cast(torch.dtype, self.dtype)

    @property
    def both_optimizers(self) -> list[LightningOptimizer]:
        """G's, then D's."""
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


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).mean() if parts[0].ndim == 0 else torch.cat(parts)


def _nothing() -> None:
    """What a muted hook does."""
