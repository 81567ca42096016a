"""What a step of a GAN asks of its surroundings: optimizers, backward passes and other processes."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, cast

import torch
from lightning import Callback, LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.optim import Optimizer

if TYPE_CHECKING:
    from gan_lab.model.base.module import GANModule

HOOKS = ("on_before_backward", "on_after_backward", "on_before_optimizer_step")
"""Hooks of callbacks within a step."""


class Engine:
    """The surroundings of a GAN that one process trains alone, without Lightning: ``gan.engine = Engine(gan)``.

    Args:
        gan: on its device.
        optimizers: of its networks, in their order; None makes them.
    """

    world_size, rank = 1, 0

    def __init__(self, gan: "GANModule", optimizers: Sequence[Optimizer] | None = None) -> None:
        self.gan = gan
        self.optimizers = [*(gan.configure_optimizers() if optimizers is None else optimizers)]
        if not torch.cuda.is_available():  # Lightning sets it: then each step of an optimizer opens the driver's library anew
            os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)

    def begin_step(self) -> None:
        """Prepare for a step of D, and of G where it is due."""

    def count_g_step(self) -> None:
        """Count a step of G."""

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss to those of the weights."""
        loss.backward()

    def step(self, number: int) -> None:
        """Step this network's optimizer along the gradient."""
        self.gan.on_before_optimizer_step(self.optimizers[number])
        self.optimizers[number].step()

    def without_exchange(self) -> AbstractContextManager[None]:
        """Return a context in which processes keep their gradients to themselves."""
        return nullcontext()

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a value over the processes."""
        return value

    def gather(self, value: Tensor) -> Tensor:
        """Return the values (..., N) of all processes, (processes, ..., N); of one process as they are."""
        return value


class LightningEngine(Engine):
    """The surroundings that Lightning's Trainer makes.

    Args:
        gan: attached to a Trainer.
    """

    def __init__(self, gan: "GANModule") -> None:
        super().__init__(gan, gan.trainer.optimizers)
        self.trainer: Any = gan.trainer
        self.world_size, self.rank = gan.trainer.world_size, gan.global_rank
        self.is_plain = is_plain(gan)
        self._count: tuple[Callable[[], None], ...] = ()

    @property
    def wrapped(self) -> list[LightningOptimizer]:
        """Lightning's wrappers of the optimizers, which know precision and strategy."""
        return cast(list[LightningOptimizer], self.gan.optimizers())

    def begin_step(self) -> None:
        """Mute the hooks by which Lightning counts steps, and keep those of G's.

        Lightning counts the steps of every optimizer in `global_step`; only the generator's should count there, and a replay
        of one calls no optimizer. The hooks are set anew at each batch, and there is no public switch
        (pytorch-lightning#17958).
        """
        for network, optimizer in zip(self.gan.networks, self.wrapped, strict=True):
            if network.name == "g" and optimizer._on_before_step is not _nothing:
                self._count = optimizer._on_before_step, optimizer._on_after_step
            optimizer._on_before_step = optimizer._on_after_step = _nothing

    def count_g_step(self) -> None:
        """Count a step of G in ``trainer.global_step``."""
        for count in self._count:
            count()

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss, as strategy and scale have it.

        Outside the autocast in which a step runs: it would round the double backward of a penalty.
        """
        kind = self.gan.device.type
        with torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext():
            if self.is_plain:
                super().backward(loss)
            else:
                self.gan.manual_backward(loss)

    def step(self, number: int) -> None:
        """Step, as precision and strategy have it."""
        if self.is_plain:
            super().step(number)
        else:
            self.wrapped[number].step()

    def without_exchange(self) -> AbstractContextManager[None]:
        """Return DDP's context without synchronisation."""
        return getattr(self.trainer.strategy.model, "no_sync", nullcontext)()

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a value over the processes."""
        return self.trainer.strategy.reduce(value)

    def gather(self, value: Tensor) -> Tensor:
        """Return the values of all processes."""
        return cast(Tensor, self.gan.all_gather(value))


def is_plain(gan: "GANModule") -> bool:
    """Return whether Lightning adds nothing to backward passes and optimizer steps: its calls are a tenth of a small step.

    That is so on one device without a loss scale, if neither a callback nor the GAN listens to them.
    """
    trainer: Any = gan.trainer
    own = "backward", "on_before_backward", "on_after_backward"
    hooks: list[tuple[Any, type, str]] = [(gan, LightningModule, hook) for hook in own]
    hooks += [(callback, Callback, hook) for callback in trainer.callbacks for hook in HOOKS]
    return (
        type(trainer.strategy) is SingleDeviceStrategy
        and type(trainer.precision_plugin) in (Precision, MixedPrecision)
        and getattr(trainer.precision_plugin, "scaler", None) is None
        and all(getattr(getattr(each, hook), "__func__", None) is getattr(base, hook) for each, base, hook in hooks)
    )


def _nothing() -> None:
    """Do nothing, as a muted hook."""
