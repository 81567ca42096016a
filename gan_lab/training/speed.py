"""Settings of the group ``speed`` that belong to torch as a whole."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from omegaconf import DictConfig


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
