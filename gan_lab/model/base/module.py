"""The LightningModule below every GAN: its networks, clocks, optimizers, samples and checkpoints, and no algorithm.

Images are (N, C, H, W) in [-1, 1], points (N, 2, 1, 1), logits raw (N,), labels ``y`` (N,) or None.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import product
from typing import Any, ClassVar, cast

import torch
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.optim import Optimizer

from gan_lab import latents, losses
from gan_lab.errors import InputError
from gan_lab.growth import Growth
from gan_lab.model.base.freeze import freeze
from gan_lab.model.base.networks import checked, reconfigure, with_own_parts
from gan_lab.model.base.sampling import Sampling
from gan_lab.model.base.step import Stepping
from gan_lab.model.batch import StepContext, unpack
from gan_lab.network.equalized import MinibatchStd
from gan_lab.network.protocol import check_discriminator, check_generator
from gan_lab.penalties import Penalty
from gan_lab.ranges import Count, NonNegative, Size, Whole
from gan_lab.rng import Stream
from gan_lab.schedules import Constant, Schedule
from gan_lab.trick import Trick

PLAIN = frozenset({int, float, bool, str, type(None), list, dict})
"""Types of attributes that can be neither a weight, a buffer nor a module."""


class GANModule(Stepping, Sampling):
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
        standing_batches: batches of 64 latents whose mean statistics BatchNorm has in evaluation and sampling (Brock 2019,
            section 4.1); 0: the running averages of training.
        growth: resolution of the images over training, for networks that grow; None: the final one.
        freeze_d: D's first blocks whose weights do not learn; see `gan_lab.model.base.freeze`.
        seed: of every draw.
    """

    decision_threshold: ClassVar[float | None] = 0.0
    """The logit at which D takes a sample for neither real nor fake; None where logits have no such origin."""

    batch_dependent: bool = False
    """Whether the loss of one image depends on the others of its batch, so that parts or ranks differ from the whole batch."""

    compares_images: bool = False
    """Whether D compares the images of a batch, so that it must see no others beside them; found by its `MinibatchStd`."""

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
        d_steps: Count | Callable[[int], int] = 1,
        g_batch_ratio: Size = 1,
        simultaneous: bool = False,
        accumulate: Count = 1,
        clip_grad_norm: Mapping[str, NonNegative | None] | None = None,
        ema_half_life_kimg: NonNegative | Schedule = 10.0,
        ema_ramp: NonNegative | None = 0.05,
        dropout_in_sampling: bool = False,
        standing_batches: Whole = 0,
        growth: Growth | None = None,
        freeze_d: Whole = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_generator(generator)
        check_discriminator(discriminator)
        self.automatic_optimization = False
        self.generator: Any = generator
        self.discriminator: Any = discriminator
        self.frozen_weights = freeze(discriminator, freeze_d)  # their names
        self.generator_ema = deepcopy(generator).eval().requires_grad_(False)
        self.penalties = nn.ModuleDict(checked(penalties, Penalty, "penalty"))
        self.regularizers = nn.ModuleDict(checked(regularizers, nn.Module, "regularizer", ("generator", "batch")))
        self.augments = nn.ModuleDict(checked(augments, nn.Module, "augment", ("images", "rng", "images_seen")))
        self.tricks = nn.ModuleDict(checked(tricks, Trick, "trick"))
        self.growth, self.accumulate = growth, accumulate
        self.compares_images |= any(isinstance(module, MinibatchStd) for module in discriminator.modules())
        self.batch_dependent |= self.compares_images
        self._check_parts()
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self.schedule, self.latent, self.g_loss = schedule, latent, g_loss
        self.d_steps, self.g_batch_ratio, self.simultaneous = d_steps, g_batch_ratio, simultaneous
        self.clip_grad_norm = {name: limit for name, limit in (clip_grad_norm or {}).items() if limit is not None}
        self.ema_half_life_kimg, self.ema_ramp, self.seed = ema_half_life_kimg, ema_ramp, seed
        self.dropout_in_sampling, self.standing_batches = dropout_in_sampling, standing_batches
        self.images_seen = self.d_steps_done = self.g_steps_done = self.d_steps_since_g = 0
        self.steps_of_batch = 1
        self.clock, self.replay = None, None  # set where steps are captured
        self._tracked: dict[str, list[Tensor]] = {}
        self._generators: list[torch.Generator] = []
        self._networks = self._engine = None
        self.tracks_gradients = False  # by a callback's wish
        self._column_is_said = False
        self.grow()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set it; plain values without torch's search for weights, which is slow: Lightning sets twenty in each step."""
        if type(value) in PLAIN and name in self.__dict__:  # then it is none of the weights, buffers and modules
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def _check_parts(self) -> None:
        """Let each penalty, trick and augmentation refuse networks or a model that it does not suit."""
        for name, penalty in self.named_penalties():
            penalty.check(name, self.discriminator)
        for name, trick in self.named_tricks():
            trick.check(name, self)
        for name, augment in self.augments.items():
            if callable(check := getattr(augment, "check", None)):
                check(name, self)

    # ----- D, augmentation included ----------------------------------------------------------------------------------

    def logits(self, images: Tensor, y: Tensor | None = None, step: StepContext | None = None) -> Tensor:
        """Return D's raw logits (N,) in the weights' precision, as half precision would round losses.

        Args:
            images: (N, C, H, W).
            y: labels (N,) or None.
            step: of training, with its augmentation and the discriminator in use; None: D itself, without augmentation.
        """
        return self.head(self.features(images, y, step), y, step)

    def features(
        self,
        images: Tensor,
        y: Tensor | None = None,
        step: StepContext | None = None,
        offset: Tensor | None = None,
        stride: int = 1,
    ) -> Tensor:
        """Return D's last hidden layer (N, F); see `logits` for the arguments.

        With an ``offset`` (M, C, H, W) features (N + M, F) of the images and, behind them, of every ``stride``-th image moved
        by it after its augmentation; ``y`` then has N + M labels.
        """
        discriminator = step.discriminator if step else self.discriminator
        images = self.augmented(images, step) if step else images
        return discriminator.features(images if offset is None else torch.cat([images, images[::stride] + offset]), y)

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
        """Track the norm of the gradient if it is asked for, and clip it: here, where a 16-bit loss has no scale any more."""
        if not (self.tracks_gradients or self.clip_grad_norm):
            return
        name = self.network_of(optimizer)
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        if self.tracks_gradients:
            gradients = [weight.grad for weight in weights if weight.grad is not None]
            self.track(**{f"{name}_gradient_norm": nn.utils.get_total_norm(gradients)})
        if name in self.clip_grad_norm:
            nn.utils.clip_grad_norm_(weights, self.clip_grad_norm[name])

    def network_of(self, optimizer: Optimizer) -> str:
        """Return the name of the network that this optimizer moves."""
        number = [id(each) for each in self.all_optimizers].index(id(optimizer))
        return self.networks[number].name

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
        judged: dict[str, Tensor | None] = {"real": real, "real_logits": self.logits(self.at_level(real), y)}
        if dataloader_idx == 0:
            data = getattr(self.trainer, "datamodule", None)
            first = batch_idx * getattr(data, "eval_batch_size", len(real))
            indices = [i * self.trainer.world_size + self.global_rank for i in range(first, first + len(real))]
            judged["fake"] = self.generate(self.latent_rows(indices, self.seed, stream), y)
            judged["asked"] = y if self.num_classes else None
        return judged

    # ----- state -----------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Leave the surroundings out of copies."""
        return super().__getstate__() | {"_engine": None, "_networks": None, "_generators": [], "clock": None, "replay": None}

    @property
    def float_type(self) -> torch.dtype:
        """Precision of the weights: float32, or float64 with ``trainer.precision=64-true``."""
        return cast(torch.dtype, self.dtype)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Let this run's configuration win: parts that it adds and optimizers of another class or grouping have no memory."""
        checkpoint["state_dict"] = with_own_parts(checkpoint["state_dict"], self.state_dict())
        for stored, optimizer in zip(checkpoint["optimizer_states"], self.configure_optimizers(), strict=True):
            reconfigure(stored, optimizer)

    def on_train_start(self) -> None:
        """Look at the surroundings anew: on their way to the device networks got other buffers."""
        self._networks = self._engine = None

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

    def get_extra_state(self) -> dict[str, int]:
        """Return the clocks. Python ints: a buffer would make the device wait at each reading."""
        return {clock: getattr(self, clock) for clock in CLOCKS}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Set the clocks, and forget what was made of other weights."""
        self._standing = (None, None)
        for clock in CLOCKS:
            setattr(self, clock, state[clock])


CLOCKS = ("images_seen", "d_steps_done", "g_steps_done", "d_steps_since_g")
