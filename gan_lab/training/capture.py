"""Capture a GAN's step as CUDA graphs, one for each kind of step, and replay them.

At small batches a GPU waits for Python. A replay launches a whole step, the double backward of penalties included, at once.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import lightning as L
import torch
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from gan_lab.cli import console
from gan_lab.errors import first_line
from gan_lab.model.gan import GAN
from gan_lab.optimizers import DeviceAdam
from gan_lab.schedules import DeviceClock

WARMUP = 3
"""Eager steps of a kind before it is captured, in which libraries choose their kernels and optimizers make their state."""


KINDS = 64
"""Kinds of steps that are remembered; steps of so many kinds without a graph have numbers of their own."""


TOLERANCE, UPDATE_TOLERANCE = 0.01, 0.1
"""Largest difference between a replay and the eager step, unless kernels are deterministic: of a loss or gradient norm, and,
relative, of an update's length, in which Adam gives the rounding of small gradients the weight of large ones."""


class Capture(L.Callback):
    """Lets a GAN replay its steps where they can be captured, and says why where they cannot."""

    def on_train_start(self, trainer: L.Trainer, gan: Any) -> None:
        """Begin, once the state of optimizers is on the device."""
        if gan.device.type != "cuda":
            return
        if reason := next(why_eager(trainer, gan), None):
            console.say(f"steps run eagerly, not as CUDA graphs: {reason}")
        else:
            capture(gan, trainer.optimizers)

    def on_train_end(self, trainer: L.Trainer, gan: Any) -> None:
        """Free the graphs."""
        gan.replay = gan.clock = None


def callbacks(speed: Mapping[str, Any]) -> list[L.Callback]:
    """Return what captures the steps of a run, if its ``speed`` asks for it."""
    return [Capture()] if speed.get("capture") else []


def capture(gan: GAN, optimizers: list[Optimizer]) -> None:
    """Let a GAN on a GPU take its steps by replays."""
    for optimizer in optimizers:
        put_on_device(optimizer, gan.device, gan.moving_options)
    gan.clock = DeviceClock(gan.device)
    gan.replay = CapturedStep(gan, optimizers)


def why_eager(trainer: L.Trainer, gan: GAN) -> Iterator[str]:
    """Yield the reasons for which a GAN's steps cannot be captured."""
    if trainer.world_size > 1 or isinstance(trainer.strategy, DDPStrategy):
        yield "DDP exchanges gradients by hooks"
    if getattr(trainer.precision_plugin, "scaler", None):
        yield "16-bit floats have a scale that is adapted on the host; use trainer.precision=bf16-mixed"
    yield from stated(gan)


def stated(gan: GAN) -> Iterator[str]:
    """Yield the reasons that a GAN and its parts state themselves, as ``runs_eagerly``."""
    for part in (gan, *gan.penalties.values(), *gan.regularizers.values(), *gan.augments.values(), *gan.tricks.values()):
        if reason := getattr(part, "runs_eagerly", None):
            yield reason


def put_on_device(optimizer: Optimizer, device: torch.device, moving: Sequence[str] = ("lr",)) -> None:
    """Make an optimizer's step capturable: its count of steps and, of Adam and AdamW, the options that move are tensors."""
    for group in optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = True
            if type(optimizer) in (Adam, AdamW):
                group.setdefault("initial_lr", group["lr"])
                group["lr"] = torch.tensor(float(group["lr"]), device=device)
    if type(optimizer) is Adam and "betas" in moving and not any(g["amsgrad"] or g["maximize"] for g in optimizer.param_groups):
        optimizer.__class__ = DeviceAdam
        for group in optimizer.param_groups:
            group["betas"] = tuple(torch.tensor(beta, device=device) for beta in group["betas"])
    for state in optimizer.state.values():
        if isinstance(step := state.get("step"), Tensor):
            state["step"] = step.to(device, torch.float32)


def kept_options(optimizers: list[Optimizer]) -> tuple[Hashable, ...]:
    """Return the options of optimizers that a graph would keep, at each step: those that are no tensors."""
    return tuple(
        value
        for optimizer in optimizers
        for group in optimizer.param_groups
        for name, option in group.items()
        if name not in ("params", "initial_lr")
        for value in (option if isinstance(option, tuple | list) else (option,))
        if not isinstance(value, Tensor)
    )


def tensors_of(state: Any) -> list[Tensor]:
    """Return what a step changes of a GAN, or of an optimizer's memory of one weight."""
    values = state.values() if isinstance(state, dict) else (*state.parameters(), *state.buffers())
    return [value for value in values if isinstance(value, Tensor)]


@dataclass
class Captured:
    """A kind of step: how often it was taken eagerly, and its graph with the tensors that it reads and writes."""

    taken: int = 0
    graph: Any = None
    inputs: tuple[Tensor | None, ...] = ()
    scalars: dict[str, Tensor] = field(default_factory=dict)
    stacked: Any = None
    vectors: dict[str, Tensor] = field(default_factory=dict)


class CapturedStep:
    """Takes a GAN's device step by a replay, after ``WARMUP`` eager steps of its kind.

    Args:
        gan: on a GPU.
        optimizers: of its networks.
    """

    def __init__(self, gan: GAN, optimizers: list[Optimizer]) -> None:
        self.gan, self.optimizers = gan, optimizers
        self.kinds: dict[Hashable, Captured] = {}
        self.level: Hashable = None
        self.stream = torch.cuda.Stream(gan.device)
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, real: Tensor, y: Tensor | None) -> None:
        """Take the step of ``gan.kind`` on these reals and labels."""
        if self.gan.kind.level != self.level:  # which never comes back, nor do its graphs
            self.kinds, self.level = {}, self.gan.kind.level
        options = kept_options(self.optimizers)
        kind = self.kinds.setdefault((self.gan.kind, options, real.shape, real.dtype, y is None), Captured())
        if len(self.kinds) > KINDS:
            self.forget()
        if kind.graph is not None:
            self.replay(kind, real, y)
        elif kind.taken < WARMUP:
            self.eager(kind, real, y)
        else:
            self.attempt(kind, real, y)

    def forget(self) -> None:
        """Forget kinds that were never captured; give up if that is all of them, as where a rate is a number that moves."""
        self.kinds = {key: kind for key, kind in self.kinds.items() if kind.graph is not None}
        if not self.kinds:
            names = " and ".join(sorted({type(optimizer).__name__ for optimizer in self.optimizers}))
            self.give_up(f"options of {names} change at each step, and a graph would keep them; those of Adam can change")

    def eager(self, kind: Captured, real: Tensor, y: Tensor | None) -> None:
        """Step on the stream of the capture, so that what autograd makes in it belongs to that."""
        kind.taken += 1
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            self.gan.device_step(real, y)
        torch.cuda.current_stream().wait_stream(self.stream)

    def capture(self, kind: Captured, real: Tensor, y: Tensor | None) -> None:
        """Record the operations of this step in a graph."""
        gan, graph = self.gan, torch.cuda.CUDAGraph()
        for generator in gan.generators:
            graph.register_generator_state(generator)
        kind.inputs = real.clone(), None if y is None else y.clone()
        own = "thread_local"  # meanwhile a loader's thread may pin memory, which a capture of all threads would not stand
        here = torch.cuda.stream(torch.cuda.current_stream())  # to which a capture that breaks off does not come back itself
        with here, torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode=own):
            gan.device_step(*kind.inputs)
            tracked = gan.tracked
            kind.scalars = {name: value for name, value in tracked.items() if value.ndim == 0}
            kind.stacked = torch.stack([value.double() for value in kind.scalars.values()])
        kind.vectors, kind.graph = {name: value for name, value in tracked.items() if value.ndim}, graph

    def replay(self, kind: Captured, real: Tensor, y: Tensor | None) -> None:
        """Take a captured step; what it tracks are copies, for the next replay writes to the same tensors."""
        for static, given in zip(kind.inputs, (real, y), strict=True):
            if static is not None and given is not None:
                static.copy_(given)
        kind.graph.replay()
        values = dict(zip(kind.scalars, kind.stacked.clone().unbind(), strict=True)) | kind.vectors
        self.gan.set_tracked(values)

    def attempt(self, kind: Captured, real: Tensor, y: Tensor | None) -> None:
        """Take this step eagerly and, from the same state, capture and replay it; give up if losses or updates differ.

        Eagerly first: a graph keeps the memory of its step, and both at once would need twice as much.
        """
        tensors = self.state()
        before = [tensor.detach().clone() for tensor in tensors]
        self.gan.tracks_gradients = True
        self.eager(kind, real, y)
        if name := self.replaced(tensors):
            self.give_up(f"{name} is another tensor after a step, and a graph would write to the first: change it in place")
            return
        after, tracked = [tensor.detach().clone() for tensor in tensors], self.gan.tracked
        updates = self.updates(tensors, before)
        put(tensors, before)
        self.gan.draw()
        try:
            self.capture(kind, real, y)
            self.replay(kind, real, y)
            fault = disagreement(self.gan.tracked, {name: tracked[name] for name in kind.scalars}, TOLERANCE, TOLERANCE)
            fault = fault or disagreement(self.updates(tensors, before), updates, UPDATE_TOLERANCE)
        except Exception as error:  # what a captured operation refuses has no class of its own
            fault = first_line(error)
        if fault is not None:
            self.give_up(fault)
            put(tensors, after)
            self.gan.set_tracked(tracked)

    def state(self) -> list[Tensor]:
        """Return the tensors that a step changes: those of the GAN, then those of its optimizers."""
        states = [self.gan, *(value for optimizer in self.optimizers for value in optimizer.state.values())]
        return [tensor for state in states for tensor in tensors_of(state)]

    def updates(self, tensors: list[Tensor], before: list[Tensor]) -> dict[str, Tensor]:
        """Return the length of the update of each network and average by a step, which began with the values ``before``."""
        old = {id(tensor): value for tensor, value in zip(tensors, before, strict=True)}
        parts = {network.name: network.module for network in self.gan.networks}
        parts |= {f"{network.name}_average": network.average for network in self.gan.networks if network.average is not None}
        return {
            f"{name}_update_norm": nn.utils.get_total_norm([w.detach() - old[id(w)] for w in part.parameters()])
            for name, part in parts.items()
        }

    def replaced(self, tensors: list[Tensor]) -> str | None:
        """Return the name of the first of these tensors of the state in whose place a step has put another one."""
        names = [name for name, _ in (*self.gan.named_parameters(), *self.gan.named_buffers())]
        others = (number for number, (old, new) in enumerate(zip_longest(tensors, self.state())) if old is not new)
        number = next(others, None)
        return None if number is None else names[number] if number < len(names) else "an optimizer's memory"

    def give_up(self, reason: str) -> None:
        """Take all further steps eagerly, without gradients of a broken capture and its generators, which draw in no other."""
        rank_zero_warn(f"steps run eagerly, not as CUDA graphs: {reason}")
        gan = self.gan
        gan.replay = gan.clock = None
        gan.clear_gradients(*gan.networks)
        gan.generators.clear()
        if gan.device.type == "cuda":
            state = torch.Generator(gan.device).graphsafe_get_state()
            torch.cuda.default_generators[torch.cuda.current_device()].graphsafe_set_state(state)


def put(tensors: list[Tensor], values: list[Tensor]) -> None:
    """Write values to tensors."""
    with torch.no_grad():
        torch._foreach_copy_(tensors, values)


def disagreement(
    replayed: Mapping[str, Tensor], eager: Mapping[str, Tensor], relative: float, absolute: float = 0.0
) -> str | None:
    """Say which value a replay makes that the eager step does not; None: it makes the same, up to tolerances."""
    if torch.are_deterministic_algorithms_enabled():
        relative = absolute = 0.0
    for name, value in eager.items():
        then, now = replayed[name].double(), value.double()
        if not torch.allclose(now, then, relative, absolute, equal_nan=True):
            return f"{name} is {float(then):g} by a replay and {float(now):g} without"
    return None
