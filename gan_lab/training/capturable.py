"""Find what keeps a step from being captured, on any device: reads on the host, and numbers that a graph would keep."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gan_lab.schedules import DeviceClock
from gan_lab.training.capture import kept_options, put_on_device

READS = ("_local_scalar_dense", "nonzero", "masked_select", "lift_fresh", "unique", "_unique2")
"""Operations after which the host waits for the device, or that copy from it."""


Operation = tuple[str, bool, tuple[Hashable, ...]]
"""Name, whether a mask chooses rows, and arguments."""


class Recorder(TorchDispatchMode):
    """Keeps every operation with its arguments: of tensors their shapes and types.

    Attributes:
        operations: in their order.
        is_on: whether it keeps them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.is_on = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Record and run."""
        if func.namespace == "profiler" or not self.is_on:
            return func(*args, **(kwargs or {}))
        values = tree_leaves((args, kwargs or {}))
        masks = "index" in func.__name__ and any(isinstance(v, Tensor) and v.dtype == torch.bool for v in values[1:])
        self.operations.append((func.__name__, masks, tuple(map(described, values))))
        return func(*args, **(kwargs or {}))


def described(value: Any) -> Hashable:
    """Return what a graph keeps of an argument."""
    if isinstance(value, Tensor):
        return (tuple(value.shape), value.dtype)
    return value if isinstance(value, bool | int | float | str | None) else type(value).__name__


class Watch(L.Callback):
    """Records the device steps of a GAN in training, as if they were to be captured.

    Args:
        trusts_torch: leave out the steps of optimizers that torch can capture, for on a CPU it takes other ones.

    Attributes:
        steps: recordings by kind of step.
    """

    def __init__(self, trusts_torch: bool = False) -> None:
        self.trusts_torch = trusts_torch
        self.steps: dict[Hashable, list[list[Operation]]] = defaultdict(list)

    def on_train_start(self, trainer: L.Trainer, gan: Any) -> None:
        """Wrap the step."""
        recorder, watched = Recorder(), []
        for optimizer in trainer.optimizers:
            if self.trusts_torch and "capturable" in optimizer.defaults:
                optimizer.register_step_pre_hook(lambda *_: setattr(recorder, "is_on", False))
                optimizer.register_step_post_hook(lambda *_: setattr(recorder, "is_on", True))
            else:
                put_on_device(optimizer, gan.device, gan.moving_options)
                watched.append(optimizer)
        gan.clock, gan.replay = DeviceClock(gan.device), self.recorded(gan, recorder, watched)

    def recorded(self, gan: Any, recorder: Recorder, optimizers: list[Optimizer]) -> Callable[[Tensor, Tensor | None], None]:
        """Return the GAN's device step, recorded."""

        def step(real: Tensor, y: Tensor | None) -> None:
            options, recorder.operations = kept_options(optimizers), []
            with recorder:
                gan.device_step(real, y)
            self.steps[gan.kind, options, real.shape].append(recorder.operations)

        return step

    def obstacles(self) -> list[str]:
        """Return in words what would be wrong in a replay: of each kind the first step, which makes states, is left out."""
        found: dict[str, str] = {}  # what each operation does, by its name: one example says enough
        for recordings in self.steps.values():
            _, *steps = recordings
            for operations in steps:
                for name, masks, *_ in operations:
                    if name.split(".")[0] in READS or masks:
                        found.setdefault(name, f"{name} reads a tensor on the host")
                if len(operations) != len(steps[0]):
                    found.setdefault("", f"steps of one kind have {len(steps[0])} and {len(operations)} operations")
                    continue
                for before, now in zip(steps[0], operations, strict=True):
                    if before != now:
                        found.setdefault(now[0], f"{now[0]} has other arguments: {differing(before, now)}")
        return list(found.values())


def differing(before: Operation, now: Operation) -> str:
    """Return the first arguments that differ."""
    return next((f"{a}, then {b}" for a, b in zip(before[2], now[2], strict=False) if a != b), "more of them")
