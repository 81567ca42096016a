"""A device and its numbers: its clock, its memory, its speed in matrix products and what it is busy with."""

import os
import platform
import time
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import conv_flop_count, flop_registry

MATMUL = {"cuda": 8192, "cpu": 512}
"""Side of the matrices whose product is timed."""


def name_of(device: torch.device) -> str:
    """Return the name of a GPU, or the architecture of the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()


def now(device: torch.device) -> float:
    """Return the seconds of a clock, once the device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class PeakMemory:
    """Peak memory of a block of code in bytes, beyond what lies on the device before it; None on a CPU.

    Attributes:
        bytes: the peak, once the block has ended.
    """

    bytes: int | None = None

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __enter__(self) -> "PeakMemory":
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
            self.before = torch.cuda.memory_allocated(self.device)
        return self

    def __exit__(self, *error: object) -> None:
        if self.device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self.device) - self.before


def matmul_peak(device: torch.device, precision: str, seconds: float = 0.3) -> float:
    """Return the FLOP/s of a large matrix product in the precision of networks: the device's speed at its best.

    Float32 is TF32 where convolutions are.

    Args:
        device: measured.
        precision: as Lightning names it.
        seconds: of the measurement, about.
    """
    dtype = torch.bfloat16 if precision.startswith("bf16") else torch.float16 if precision.startswith("16") else torch.float32
    side = MATMUL[device.type]
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    tf32, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        a @ b  # libraries choose their kernels
        start, best = now(device), float("inf")
        while (before := now(device)) < start + seconds:
            a @ b
            best = min(best, now(device) - before)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = tf32
    return 2 * side**3 / best


class FlopCounter(TorchDispatchMode):
    """Counts floating-point operations: those of matrix products and convolutions, backward included.

    torch's `FlopCounterMode` looks for a decomposition of every other operation, its hooks of modules refuse the
    `autograd.grad` of penalties, and its formula for the gradient of a grouped convolution's weight forgets the groups. Its
    other formulas count here too.

    Attributes:
        total: of all steps within its block.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run, and count."""
        result = func(*args, **(kwargs or {}))
        if func._overloadpacket is torch.ops.aten.convolution_backward:
            self.total += of_gradients(*args)
        elif formula := flop_registry.get(func._overloadpacket):
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result


def of_gradients(grad: Tensor, x: Tensor, weight: Tensor, *options: Any) -> int:
    """Return the operations of a convolution's gradients: of input and of weight, each takes those of the convolution."""
    *_, transposed, _, _, (of_input, of_weight, _) = options
    return (of_input + of_weight) * conv_flop_count([*x.shape], [*weight.shape], [*grad.shape], transposed)


class Kernels:
    """Seconds for which kernels ran on a GPU between `start` and `stop`, by torch's profiler; None where it saw none."""

    def __init__(self) -> None:
        os.environ.setdefault("TEARDOWN_CUPTI", "0")  # a replay after it would crash (pytorch/pytorch#75504)
        self.profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])

    def start(self) -> None:
        """Begin to record."""
        self.profiler.start()

    def stop(self) -> None:
        """End the record."""
        self.profiler.stop()

    @property
    def seconds(self) -> float | None:
        """The sum over all kernels."""
        events: Any = self.profiler.key_averages()
        kernels = [event for event in events if event.device_type == torch.autograd.DeviceType.CUDA]
        return sum(kernel.self_device_time_total for kernel in kernels) / 1e6 or None
