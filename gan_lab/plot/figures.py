"""Figures about samples beside reals: images with captions, power spectra, maps of features, and a projection."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from torch import Tensor

from gan_lab import atomic

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

UNKNOWN = -1
"""Label of a point without one."""

MOST_NAMED = 20
"""Classes that a legend names; of more the colours alone tell them apart."""


class Band(NamedTuple):
    """A curve, and the standard deviation around it."""

    mean: Sequence[float]
    sd: Sequence[float]


def save_captioned(images: Tensor, captions: Sequence[str], columns: int, path: Path) -> None:
    """Draw images (N, C, H, W) in [-1, 1] in rows, each above its caption."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.2 * columns, 1.45 * rows), squeeze=False)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.25 / (1.45 * rows), top=1 - 0.05 / rows, wspace=0.05, hspace=0.3)
    for panel in axes.flat[len(images) :]:
        panel.set_axis_off()
    for panel, image, caption in zip(axes.flat, images, captions, strict=False):
        _show(panel, image)
        panel.set_xlabel(caption, fontsize=8, labelpad=2, parse_math=False)
    _save(figure, path)


def save_projection(images: Tensor, losses: Sequence[float], path: Path) -> None:
    """Draw target, start and end (3, C, H, W) of a descent, and its loss over steps."""
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.8), width_ratios=(1, 1, 1, 1.6), layout="constrained")
    for panel, image, title in zip(axes[:3], images, ("image", "before", "after"), strict=True):
        _show(panel, image)
        panel.set_title(title)
    axes[3].semilogy(losses)
    axes[3].set(xlabel="step", title="loss")
    axes[3].grid(alpha=0.3)
    _save(figure, path)


def save_spectra(frequencies: Sequence[float], bands: Mapping[str, Band], path: Path) -> None:
    """Draw mean power in dB over cycles per pixel, a band of one standard deviation for each name."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for (name, band), colour in zip(bands.items(), ("0.4", "C0", "C1", "C2"), strict=False):
        mean, sd = np.asarray(band.mean), np.asarray(band.sd)
        axes.plot(frequencies, mean, label=name, color=colour, marker="." if len(mean) < 30 else "")
        axes.fill_between(frequencies, mean - sd, mean + sd, color=colour, alpha=0.15, linewidth=0)
    axes.set(xlabel="spatial frequency (cycles per pixel)", ylabel="power (dB)")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def save_map(
    points: np.ndarray, is_real: np.ndarray, labels: np.ndarray | None, class_names: Sequence[str], path: Path
) -> None:
    """Draw points (N, 2) in two panels of one scale, reals and samples, coloured by label where there are labels.

    Args:
        points: places.
        is_real: (N,), whether a point is a real.
        labels: (N,) of classes, `UNKNOWN` of those without; None: none has one.
        class_names: by label; empty: their numbers.
        path: of the PNG file.
    """
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 5), sharex=True, sharey=True, layout="constrained")
    for panel, rows, title in zip(axes, (is_real, ~is_real), ("reals", "samples"), strict=True):
        panel.scatter(points[~rows, 0], points[~rows, 1], s=6, color="0.9", linewidths=0)  # the others, for orientation
        _scatter(panel, points[rows], None if labels is None else labels[rows], None if labels is None else labels.max())
        panel.set(title=f"{title} ({rows.sum():,})", xticks=[], yticks=[])
    if labels is not None and labels.max() < MOST_NAMED:
        found = sorted(set(labels.tolist()) - {UNKNOWN})
        names = [class_names[label] if label < len(class_names) else str(label) for label in found]
        colours = matplotlib.colormaps["tab20" if labels.max() > 9 else "tab10"].colors  # type: ignore[attr-defined]
        marks = [plt.Line2D([], [], color=colours[label], marker="o", linestyle="") for label in found]
        figure.legend(marks, names, loc="outside right upper", fontsize="small")
    _save(figure, path)


def _scatter(panel: Axes, points: np.ndarray, labels: np.ndarray | None, most: int | None) -> None:
    x, y = points.T
    if labels is None or most is None:
        panel.scatter(x, y, s=10, color="C0", linewidths=0)
        return
    known, few = labels != UNKNOWN, most < MOST_NAMED
    panel.scatter(x[~known], y[~known], s=10, color="black", linewidths=0)
    palette, top = ("tab20" if most > 9 else "tab10", 20 if most > 9 else 10) if few else ("turbo", most + 1)
    panel.scatter(x[known], y[known], s=10, c=labels[known], cmap=palette, vmin=-0.5, vmax=top - 0.5, linewidths=0)


def _show(panel: Axes, image: Tensor) -> None:
    """Draw an image (C, H, W) in [-1, 1] without axes; two channels show the first."""
    drawable = image if image.shape[0] in (1, 3, 4) else image[:1]
    pixels = (drawable.float().clamp(-1, 1) + 1).div(2).permute(1, 2, 0).squeeze(-1).cpu().numpy()
    panel.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    panel.set(xticks=[], yticks=[])


def _save(figure: plt.Figure, path: Path) -> None:
    with atomic.replacing(path) as partial:
        figure.savefig(partial, dpi=90)
    plt.close(figure)
