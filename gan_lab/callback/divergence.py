"""Stops a run whose weights, statistics or losses are no finite numbers."""

import math
from typing import Any

import lightning as L
import torch
from torch import Tensor

from gan_lab.errors import Diverged
from gan_lab.model.gan import GAN
from gan_lab.run_folder import RunFolder
from gan_lab.training.cadence import row_is_due


class Divergence(L.Callback):
    """Check, every so many steps of D, all that a checkpoint would hold, and the last losses: one host sync.

    `Checkpoint` checks it too before it writes. A weight whose square float32 does not hold, from 1e19 on, counts as no finite
    number: no step leads back from there.

    Args:
        every_steps: steps of D between two checks, whatever the interval of the rows.
    """

    def __init__(self, every_steps: int = 50) -> None:
        self.every_steps = every_steps

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Check when it is due."""
        if row_is_due(gan, self.every_steps):
            check(trainer, gan)


def check(trainer: L.Trainer, gan: GAN) -> None:
    """Raise `Diverged` unless all is finite, naming the network."""
    if is_finite(trainer, gan):
        return
    norms = {name: torch.linalg.vector_norm(tensor) for name, tensor in gan.state_dict().items() if _is_float(tensor)}
    bad = [name for name, norm in norms.items() if not norm.isfinite()] or ["the memory of its optimizer"]
    bad += [name for name, value in _losses(gan).items() if not value.isfinite()]
    first = next((name for name in bad if name.startswith(("discriminator", "d_"))), bad[0])  # D steps before G
    is_g = first.startswith(("generator", "g_")) or first in gan.regularizers
    raise failure(gan, is_g, f"{first} is not finite, or beyond 1e19,", gan.d_steps_done)


def is_finite(trainer: L.Trainer, gan: GAN) -> bool:
    """Return whether weights, statistics, the memory of the optimizers and the last losses are finite."""
    memory = [value for each in trainer.optimizers for state in each.state.values() for value in state.values()]
    memory = [value for value in memory if isinstance(value, Tensor) and value.ndim]  # Adam counts its steps on the host
    others = [tensor for tensor in (*gan.buffers(), *memory, *_losses(gan).values()) if _is_float(tensor)]
    norm = torch.nn.utils.get_total_norm
    return bool(torch.stack([norm(list(gan.parameters())), norm(others, math.inf).to(gan.device)]).isfinite().all())


def failure(gan: GAN, is_g: bool, what: str, step: int) -> Diverged:
    """Return the error that names the network, the step, the last good checkpoint where there is one, and the remedy."""
    network, option = ("generator", "g") if is_g else ("discriminator", "d")
    kept = any(RunFolder(gan.trainer.default_root_dir).checkpoints.glob("*.ckpt"))
    return Diverged(
        f"the {network} diverged: {what} at D step {step} (detected at {gan.images_seen:,} images). "
        + ("The last good checkpoint is kept. " if kept else "")
        + f"Lower optimizer.{option}.lr, add penalty=r1, or use speed=plain (float32)"
    )


def _losses(gan: GAN) -> dict[str, Tensor]:
    return {name: value for name, value in gan.tracked.items() if value.ndim == 0}


def _is_float(tensor: Any) -> bool:
    return isinstance(tensor, Tensor) and tensor.is_floating_point() and tensor.numel() > 0
