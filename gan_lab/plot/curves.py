"""Draw curves.png: the losses of D and G with their equilibrium, and the metrics, over images seen."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

from gan_lab import atomic

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

Rows = Sequence[Mapping[str, float]]

LOSSES = ("d_loss", "g_loss")


def save_curves(rows: Rows, path: Path, equilibrium: Mapping[str, float], baseline: Mapping[str, float]) -> None:
    """Draw the losses in the first row, then each ``val/`` column, with a line at their level where there is one.

    Args:
        rows: of metrics.csv, with ``images_seen``; gaps and numbers that are not finite are left out.
        path: of the PNG file.
        equilibrium: ``d_loss`` and ``g_loss`` where D cannot tell reals from fakes, as far as they are known.
        baseline: the metrics of held-out reals, by name without ``val/``.
    """
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name.startswith("val/")]
    names.sort(key=lambda name: name.startswith("val/d_"))  # diagnoses of D last
    columns = max(2, math.ceil(len(names) / 2))
    figure, axes = plt.subplots(3, columns, figsize=(4 * columns, 9), squeeze=False)
    margins = {"left": 0.2 / columns, "right": 1 - 0.06 / columns, "bottom": 0.06, "top": 0.96}
    figure.subplots_adjust(**margins, wspace=0.28, hspace=0.4)  # a layout engine would take half a second
    for panel in axes.flat:
        panel.set_visible(False)
    for panel, name in zip(axes[0], LOSSES, strict=False):
        _draw(panel, rows, name, equilibrium.get(name), "equilibrium")
    for panel, name in zip(axes[1:].flat, names, strict=False):
        _draw(panel, rows, name, baseline.get(name.removeprefix("val/")), "held-out reals")
    with atomic.replacing(path) as partial:
        figure.savefig(partial, dpi=90)
    plt.close(figure)


def _draw(panel: Axes, rows: Rows, name: str, level: float | None, label: str) -> None:
    points = [(row["images_seen"], row[name]) for row in rows if name in row and "images_seen" in row]
    points = [point for point in points if math.isfinite(point[1])]
    panel.set_visible(True)
    panel.plot(*zip(*points, strict=True) if points else ((), ()), marker="." if len(points) < 30 else "", linewidth=1)
    if level is not None:
        panel.axhline(level, color="grey", linestyle="--", linewidth=1, label=label)
        panel.legend(fontsize="small")
    panel.set_title(name, parse_math=False)  # a name is free to hold a $
    panel.set_xlabel("images seen")
    panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.xaxis.set_major_locator(MaxNLocator(6))
