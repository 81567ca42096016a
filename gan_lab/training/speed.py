"""The group ``speed``: what ``auto`` means on this device, and the settings that belong to torch as a whole."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from omegaconf import DictConfig

NAMES = {
    "channels_last": "channels_last",
    "fused": "fused optimizers",
    "compile": "compiled",
    "cudnn_benchmark": "cuDNN's autotuner",
    "tf32": "TF32",
}
"""Keys of ``speed`` in the words of the line that names what is on."""


def choose(cfg: DictConfig) -> str:
    """Write the fastest value in place of each ``auto`` of ``speed``; return the line that names what is chosen, and why.

    bf16 without instructions for it is many times slower than float32.
    """
    device, speed = device_of(cfg), cfg.speed
    on_gpu = device.type == "cuda"
    precision = "bf16-mixed" if has_bf16(device) else "32-true"
    fastest = {"precision": precision, "tf32": on_gpu or None}
    chosen = {key: fastest[key] for key in fastest if speed.get(key) == "auto"}
    speed.update(chosen)
    words = [{"32-true": "float32", "bf16-mixed": "bf16"}.get(str(cfg.trainer.precision), str(cfg.trainer.precision))]
    if chosen.get("precision") == cfg.trainer.precision == "32-true":
        words[0] += f" (this {'GPU' if on_gpu else 'CPU'} has no bf16 instructions)"
    words += [name for key, name in NAMES.items() if speed.get(key)]
    if not speed.get("capture"):
        words.append("eager")
    else:
        words.append("steps as CUDA graphs" if on_gpu else "eager: CUDA graphs need a GPU")
    return ", ".join(words)


def device_of(cfg: DictConfig) -> torch.device:
    """Return the device that the trainer would choose."""
    return torch.device("cuda" if torch.cuda.is_available() and cfg.trainer.accelerator != "cpu" else "cpu")


def has_bf16(device: torch.device) -> bool:
    """Return whether a device has instructions for bf16; others emulate it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if platform.machine() in ("x86_64", "AMD64"):  # oneDNN says yes of AVX-512 without them
        return any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


@contextmanager
def backends(speed: DictConfig) -> Iterator[None]:
    """Let cuDNN try its algorithms, and float32 products round to TF32, as ``speed`` says; afterwards all is as before.

    Deterministic training does not let cuDNN try: by its clock it may choose another algorithm each time.
    """
    cudnn, tf32, former = torch.backends.cudnn, speed.get("tf32"), torch.get_float32_matmul_precision()
    flags = {
        "enabled": cudnn.enabled,
        "benchmark": bool(speed.get("cudnn_benchmark")) and not torch.are_deterministic_algorithms_enabled(),
        "deterministic": cudnn.deterministic,
        "allow_tf32": cudnn.allow_tf32 if tf32 is None else tf32,
    }
    if tf32 is not None:
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        with cudnn.flags(**flags):
            yield
    finally:
        torch.set_float32_matmul_precision(former)
