"""summary.json and curves.png: the result of a run."""

import math
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_only

from gan_lab import __version__
from gan_lab.callback.failures import Failures
from gan_lab.callback.validation import Validation
from gan_lab.evaluation.metric import Quantity
from gan_lab.model.gan import GAN
from gan_lab.plot.curves import save_curves
from gan_lab.ranges import Count, Text
from gan_lab.run_folder import RunFolder

PACKAGES = ("torch", "lightning", "hydra-core", "torchmetrics", "wandb")


class Summary(L.Callback):
    """Write both files when a run ends, however it ends, and again when its best checkpoint has been judged.

    ``summary.json``: status; warnings; the primary quantity and its mode; first, final and best value, direction and unit of
    each quantity; the real-data baseline; the protocol; counters, speed, memory, versions.

    Args:
        folder: the run folder, with its metrics.csv.
        max_images: length of the run.
        primary: the quantity that chooses the best checkpoint; None: there is none.
        mode: whether it should be "min" or "max".
    """

    def __init__(self, folder: Text, max_images: Count, primary: str | None = None, mode: str | None = None) -> None:
        self.run, self.max_images = RunFolder(folder), max_images
        self.primary, self.mode = primary, mode
        self.content: dict[str, Any] = {}

    def on_train_start(self, trainer: L.Trainer, gan: GAN) -> None:
        """Start the clock."""
        self.started, self.first_image = time.monotonic(), gan.images_seen

    def on_train_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Write the summary of a run that came to its end, or was asked to stop before it."""
        self._write(trainer, gan, {"status": "finished" if gan.images_seen >= self.max_images else "stopped"})

    def on_exception(self, trainer: L.Trainer, gan: GAN, exception: BaseException) -> None:
        """Write the summary of a run that was told to end, or failed."""
        if trainer.state.fn != TrainerFn.FITTING or not hasattr(self, "started"):
            return
        if isinstance(exception, SystemExit):  # by a signal
            self._write(trainer, gan, {"status": "stopped"})
        else:
            self._write(trainer, gan, {"status": "failed", "error": f"{type(exception).__name__}: {exception}"})

    @rank_zero_only
    def on_test_end(self, trainer: L.Trainer, gan: GAN) -> None:
        """Add the values of the best checkpoint on latents that did not choose it."""
        validation = _validation(trainer)
        if validation.baseline != self.content.get("baseline"):  # a run that was taken up at its end knows it only now
            self.content |= {"baseline": validation.baseline, "protocol": validation.protocol}
            save_curves(self.run.read_rows(), self.run.curves, gan.equilibrium(), validation.baseline)
        self.content["final_judgement"] = {"images_seen": gan.images_seen, "scores": validation.values}
        self.run.write_summary(self.content)

    @rank_zero_only
    def _write(self, trainer: L.Trainer, gan: GAN, outcome: dict[str, str]) -> None:
        seconds, validation = time.monotonic() - self.started, _validation(trainer)
        rows = self.run.read_rows()
        self.content = outcome | {
            "primary": self.primary,
            "mode": self.mode,
            "scores": _course(rows, validation.suite.quantities),
            "baseline": validation.baseline,
            "protocol": validation.protocol,
            "class_names": list(gan.class_names),
            "warnings": [text for each in _all(trainer) if isinstance(each, Failures) for text in each.warnings.values()],
            "broken_images": trainer.datamodule.broken,  # type: ignore[attr-defined]  # `fit` sets it
            "images_seen": gan.images_seen,
            "g_steps_done": gan.g_steps_done,
            "d_steps_done": gan.d_steps_done,
            "seconds": round(seconds, 1),
            "images_per_second": round((gan.images_seen - self.first_image) / seconds, 1),
            "peak_memory_mib": round(peak_memory(gan.device) / 2**20),
            "parameters": {n: sum(p.numel() for p in getattr(gan, n).parameters()) for n in ("generator", "discriminator")},
            "device": str(gan.device),
            "versions": {"gan_lab": __version__, "python": platform.python_version()} | {p: version(p) for p in PACKAGES},
            "git_commit": _git_commit(),
        }
        self.run.write_summary(self.content)
        save_curves(rows, self.run.curves, gan.equilibrium(), validation.baseline)


def _all(trainer: L.Trainer) -> list[L.Callback]:
    callbacks: list[L.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return callbacks


def _validation(trainer: L.Trainer) -> Validation:
    return next((each for each in _all(trainer) if isinstance(each, Validation)), Validation())


def _course(rows: list[dict[str, float]], quantities: Mapping[str, Quantity]) -> dict[str, dict[str, Any]]:
    """Return first, final and best value of each quantity of validation, with its direction and unit."""
    course: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(n for row in rows for n in row if n.startswith("val/")):
        values = [row[name] for row in rows if name in row and math.isfinite(row[name])]
        if not values:
            continue
        course[name] = {"first": values[0], "final": values[-1]}
        if (quantity := quantities.get(name.removeprefix("val/"))) and quantity.better:
            best = min(values) if quantity.better == "min" else max(values)
            course[name] |= {"best": best, "better": quantity.better, "unit": quantity.unit}
    return course


def peak_memory(device: torch.device) -> int:
    """Return the peak memory of the GPU, or of this process, in bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _git_commit() -> str | None:
    """Return the commit of the code that ran; None outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
