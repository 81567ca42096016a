"""Draw grouped bars: a group for each name, a bar for each setting."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib

from gan_lab import atomic

matplotlib.use("agg")
from matplotlib import pyplot as plt

Bars = Mapping[str, tuple[float, float]]


def save_bars(groups: Mapping[str, Bars], label: str, path: Path) -> None:
    """Draw horizontal bars with their errors, and a line at 1.

    Args:
        groups: for each name the values and errors by the names of their bars; a name may lack some.
        label: of the axis of values.
        path: of the PNG file.
    """
    names = list(dict.fromkeys(name for bars in groups.values() for name in bars))
    height = 0.8 / max(1, len(names))
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.25 * len(groups) * max(1, len(names))), layout="constrained")
    for number, name in enumerate(names):
        places = [(place + number * height, *bars[name]) for place, bars in enumerate(groups.values()) if name in bars]
        positions, values, errors = zip(*places, strict=True)
        axes.barh(positions, values, height, xerr=errors, label=name, align="edge")
    axes.set_yticks([place + 0.4 for place in range(len(groups))], list(groups))
    axes.invert_yaxis()
    axes.axvline(1, color="grey", linestyle="--", linewidth=1)
    axes.set_xlabel(label)
    if names:
        axes.legend(fontsize="small")
    with atomic.replacing(path) as partial:
        figure.savefig(partial, dpi=90)
    plt.close(figure)
