"""Draw the rows of a sweep into heat_map.png: one option down, one across, a panel for each value of the others."""

import math
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from gan_lab import atomic
from gan_lab.sweep.ranking import Row

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

COLOURS = {"max": "YlGnBu", "min": "YlGnBu_r"}
"""The darker the better; they differ to colour-blind eyes and in print."""


def is_grid(rows: list[Row]) -> bool:
    """Return whether two options or more were swept and their values come back: a search over numbers repeats none."""
    options = list(rows[0].options)
    has_values = any(row.mean is not None for row in rows)
    return has_values and len(options) > 1 and max(len(_values(rows, option)) for option in options) < len(rows)


def save(rows: list[Row], path: Path) -> Path:
    """Draw the last two options as a grid, and a panel for each combination of those before them.

    Args:
        rows: of one metric.
        path: of the picture.

    Returns:
        The path.
    """
    *others, down, across = rows[0].options
    grid = _values(rows, down), _values(rows, across)
    panels: dict[str, list[Row]] = {}
    for row in rows:
        panels.setdefault(", ".join(row.options[other] for other in others), []).append(row)
    figure, axes = _figure(len(panels), len(grid[1]), len(grid[0]))
    colours = _colours(rows)
    for panel, (title, cells) in zip(axes.flat, panels.items(), strict=False):
        panel.set(visible=True, title=title, xlabel=across, ylabel=down)
        panel.set(xticks=range(len(grid[1])), xticklabels=grid[1], yticks=range(len(grid[0])), yticklabels=grid[0])
        panel.set(xlim=(-0.5, len(grid[1]) - 0.5), ylim=(len(grid[0]) - 0.5, -0.5))
        panel.tick_params(length=0)
        for row in cells:
            _draw(panel, grid[1].index(row.options[across]), grid[0].index(row.options[down]), row, colours)
    job = rows[0].jobs[0]
    label = f"{job.primary} ({'higher' if job.mode == 'max' else 'lower'} is better)"
    if colours.norm.vmin == colours.norm.vmax:  # a bar of one value would reach beyond it
        figure.supxlabel(label)
    else:
        figure.colorbar(colours, ax=axes, label=label)
    with atomic.replacing(path) as partial:
        figure.savefig(partial, dpi=100)
    plt.close(figure)
    return path


def _values(rows: list[Row], option: str) -> list[str]:
    return list(dict.fromkeys(row.options[option] for row in rows))


def _figure(panels: int, width: int, height: int) -> tuple[Figure, Any]:
    """Make invisible panels in up to three columns, each with room for its cells."""
    columns = min(panels, 3)
    lines = math.ceil(panels / columns)
    size = columns * (1.1 * width + 0.8) + 0.9, lines * (0.7 * height + 0.9)
    figure, axes = plt.subplots(lines, columns, figsize=size, squeeze=False, layout="constrained")
    for panel in axes.flat:
        panel.set_visible(False)
    return figure, axes


def _colours(rows: list[Row]) -> ScalarMappable:
    means = [row.mean for row in rows if row.mean is not None]
    colours = ScalarMappable(Normalize(min(means), max(means)), COLOURS[rows[0].jobs[0].mode or "min"])
    colours.set_array([])
    return colours


def _draw(panel: Axes, x: int, y: int, row: Row, colours: ScalarMappable) -> None:
    """Draw a cell, hatched where there is no value."""
    red, green, blue, hatch = 1.0, 1.0, 1.0, "///"
    if row.mean is not None:
        red, green, blue, _ = colours.to_rgba(np.array([row.mean]))[0].tolist()
        hatch = ""
    panel.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=(red, green, blue), edgecolor="lightgrey", hatch=hatch))
    colour = "white" if red + green + blue < 1.5 else "black"
    panel.text(x, y, _words(row), ha="center", va="center", color=colour, fontsize=9)


def _words(row: Row) -> str:
    """Return the mean, its standard deviation, and the number of failures as text."""
    failed = row.count("failed")
    if row.mean is None:
        return "failed" if failed else "no value"
    deviation = "" if row.sd is None else f"\n± {row.sd:.2g}"
    return f"{row.mean:.3g}{deviation}" + (f"\n{failed} failed" if failed else "")
