"""Plot of metrics.csv (curves.png): both losses with their equilibrium, and each validation metric, over images seen."""

import math
from pathlib import Path

import matplotlib
import torch

from gan_lab.model.batch import Batch, StepContext
from gan_lab.model.gan import GAN
from gan_lab.rng import StepRNG

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

Rows = list[dict[str, float]]


def equilibrium(gan: GAN) -> dict[str, float]:
    """Return both losses where D cannot tell reals from fakes: with every logit at D's decision threshold."""
    logits = torch.full((1,), gan.decision_threshold or 0.0)
    batch = Batch(logits, logits, None, None, lambda images, y: images, StepContext(StepRNG(0)))
    return {"d_loss": float(gan.discriminator_loss(batch)), "g_loss": float(gan.generator_loss(batch))}


def save_curves(rows: Rows, path: Path, gan: GAN, floor: dict[str, float]) -> None:
    """Draw the losses in the first row, then each ``val/`` metric, with the real-data baseline if it is known.

    Args:
        rows: rows of metrics.csv.
        path: PNG file to write.
        gan: gives the equilibrium of both losses.
        floor: real-data baseline of each metric, by its name without ``val/``.
    """
    metrics = [n for n in dict.fromkeys(n for row in rows for n in row) if n.startswith("val/")]
    metrics.sort(key=lambda name: name.startswith("val/d_"))  # metrics of G first
    columns = max(2, math.ceil(len(metrics) / 2))
    figure, axes = plt.subplots(3, columns, figsize=(4 * columns, 9), squeeze=False, layout="constrained")
    for panel in axes.flat:
        panel.set_visible(False)
    levels = equilibrium(gan)
    for panel, name in zip(axes[0], levels, strict=False):
        _draw(panel, rows, name, levels[name], "equilibrium")
    for panel, name in zip(axes[1:].flat, metrics, strict=False):
        _draw(panel, rows, name, floor.get(name.removeprefix("val/")), "held-out reals")
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _draw(panel: Axes, rows: Rows, name: str, level: float | None, label: str) -> None:
    points = [(row["images_seen"], row[name]) for row in rows if name in row]
    panel.set_visible(True)
    panel.plot(*zip(*points, strict=True) if points else ((), ()), marker="." if len(points) < 30 else "", linewidth=1)
    if level is not None:
        panel.axhline(level, color="grey", linestyle="--", linewidth=1, label=label)
        panel.legend(fontsize="small")
    panel.set(title=name, xlabel="images seen")
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.xaxis.set_major_locator(MaxNLocator(6))
