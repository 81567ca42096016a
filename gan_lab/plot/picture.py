"""Picture files of samples, by their kind: grids of images or of line plots, scatter plots, and pair plots of tables."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from torch import Tensor
from torchvision.utils import save_image

from gan_lab import atomic

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

SIDE = 512  # grids of tiny images are enlarged to about this width, in pixels
FILLED = 0.9  # share of its cell, across and up, that a signal takes
PAIRED = 5  # features of a pair plot
FAKE, REAL, CENTRE = "C0", "0.6", "C3"  # colours


@dataclass(frozen=True)
class Target:
    """What samples are drawn beside.

    Attributes:
        reals: of their shape; None: none.
        centres: of the modes of points, (K, 2); None: they are not known.
    """

    reals: Tensor | None = None
    centres: Tensor | None = None


NO_TARGET = Target()


def save_picture(samples: Tensor, path: Path, columns: int | None = None, target: Target = NO_TARGET) -> None:
    """Write samples to a PNG file, as `kind_of` their shape says.

    Args:
        samples: images (N, C, H, W) in [-1, 1], points (N, 2, 1, 1) or (N, 2), signals (N, C, L) or vectors (N, F).
        path: PNG file to write.
        columns: of a grid; None makes a square one. Points of a column, such as those of a class, share a colour.
        target: to draw beside points and vectors.
    """
    beside = Target(*(None if each is None else each.detach().float().cpu() for each in (target.reals, target.centres)))
    kind_of(samples.shape[1:]).draw(samples.detach().float().cpu(), path, columns, beside)


@dataclass(frozen=True)
class Drawing:
    """How samples of one kind are shown.

    Attributes:
        draw: (samples, path, columns, target) -> writes the file.
        crowd: samples for each one of a grid of images, where a picture needs more of them to say something.
        compares: whether it shows a target beside them.
    """

    draw: Callable[[Tensor, Path, int | None, Target], None]
    crowd: int = 1
    compares: bool = False


def kind_of(shape: Sequence[int]) -> Drawing:
    """Return how samples of this shape are shown: the one place that decides it."""
    if math.prod(shape) == 2 or (len(shape) == 3 and shape[-1] == 1):
        return POINTS
    return {1: TABLE, 2: SIGNALS, 3: IMAGES}[len(shape)]


# ----- the kinds ---------------------------------------------------------------------------------------------------------


def _grid(images: Tensor, path: Path, columns: int | None, target: Target) -> None:
    columns = columns or _square(images)
    zoom = max(1, SIDE // (columns * images.shape[-1]))
    enlarged = torch.nn.functional.interpolate(images, scale_factor=zoom, mode="nearest")
    with atomic.replacing(path) as partial:
        save_image(enlarged, partial, nrow=columns, padding=2, normalize=True, value_range=(-1, 1))


def _lines(signals: Tensor, path: Path, columns: int | None, target: Target) -> None:
    """Draw each signal (C, L) in a cell of its own, a line per channel, all cells on one scale."""
    columns = columns or _square(signals)
    rows, cell = math.ceil(len(signals) / columns), torch.arange(len(signals))
    low, high = signals.aminmax()
    y = FILLED * (signals - low) / (high - low).clamp_min(1e-12) - (cell // columns)[:, None, None]
    x = (cell % columns)[:, None, None] + torch.linspace(0, FILLED, signals.shape[2])
    figure, axes = plt.subplots(figsize=(max(4, columns), max(2, 0.6 * rows)), layout="constrained")
    for channel, lines in enumerate(torch.stack([x.expand_as(y), y], -1).unbind(1)):
        axes.add_collection(LineCollection(list(lines.numpy()), colors=f"C{channel % 10}", linewidths=1))
    axes.set(xlim=(FILLED - 1, columns), ylim=(FILLED - rows, 1))
    axes.set_axis_off()
    _save(figure, path)


def _scatter(points: Tensor, path: Path, columns: int | None, target: Target) -> None:
    """Draw points over reals and crosses at the centres of modes, in a square window that holds all of them."""
    figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
    middle, half = _window(points, target)
    if target.reals is not None:
        axes.scatter(*_across_and_up(target.reals), s=4, color=REAL, linewidths=0)
    colours = {"color": FAKE} if columns is None else {"c": np.arange(len(points)) % columns, "cmap": "turbo"}
    axes.scatter(*_across_and_up(points), s=4, alpha=0.5, **colours)
    if target.centres is not None:
        axes.scatter(*_across_and_up(target.centres), s=30, color=CENTRE, marker="x", linewidths=1, clip_on=False)
    limits = {f"{axis}lim": (at - half, at + half) for axis, at in zip("xy", middle, strict=True)}
    axes.set(**limits, aspect="equal")
    _save(figure, path)


def _across_and_up(points: Tensor) -> tuple[np.ndarray, np.ndarray]:
    return points.flatten(1)[:, 0].numpy(), points.flatten(1)[:, -1].numpy()


def _window(points: Tensor, target: Target) -> tuple[tuple[float, float], float]:
    """Return middle and half side of a window; of reals in one place, as of none, the square of 1.5 around the origin too."""
    sets = [np.stack(_across_and_up(each)) for each in (points, target.reals, target.centres) if each is not None]
    if target.reals is None or not np.ptp(_across_and_up(target.reals)):
        sets.append(np.array([[-1.5, 1.5], [-1.5, 1.5]]))
    together = np.concatenate(sets, 1)
    together = together[:, np.isfinite(together).all(0)]
    low, high = together.min(1), together.max(1)
    across, up = ((low + high) / 2).tolist()
    return (across, up), 0.52 * float((high - low).max())


def _pairs(vectors: Tensor, path: Path, columns: int | None, target: Target) -> None:
    """Draw a histogram of each of the first features, and below them a scatter plot of each pair; reals are grey."""
    d = min(vectors.shape[1], PAIRED)
    sets = [(x[:, :d].nan_to_num().numpy(), colour) for x, colour in ((target.reals, REAL), (vectors, FAKE)) if x is not None]
    together = np.concatenate([x for x, _ in sets])
    low, high = together.min(0), together.max(0)
    limits = [*zip(low, np.maximum(high, low + 1e-4 * (1 + np.abs(low))), strict=True)]
    figure = plt.figure(figsize=(1.5 * d + 1, 1.5 * d + 1))
    figure.subplots_adjust(left=0.5 / (d + 1), right=0.98, bottom=0.5 / (d + 1), top=0.98, wspace=0.06, hspace=0.06)
    for row in range(d):
        for column in range(row + 1):
            panel = figure.add_subplot(d, d, row * d + column + 1, xlim=limits[column], yticks=[])
            for x, colour in sets:
                _pair(panel, x[:, column], x[:, row], limits[row], colour, histogram=row == column)
            panel.locator_params(axis="x", nbins=3)
            panel.tick_params(labelsize=7, labelbottom=row == d - 1)
            panel.set_xlabel(f"feature {column}" if row == d - 1 else "", fontsize=8)
            panel.set_ylabel(f"feature {row}" if column == 0 else "", fontsize=8)
    names = {REAL: "real", FAKE: "generated"}
    marks = [plt.Line2D([], [], color=colour, marker="o", linestyle="", label=names[colour]) for _, colour in sets]
    figure.legend(handles=marks, title=f"{d} of {vectors.shape[1]} features", loc="upper right", fontsize=8, title_fontsize=8)
    _save(figure, path)


def _pair(panel: Axes, x: np.ndarray, y: np.ndarray, limits: tuple[float, float], colour: str, histogram: bool) -> None:
    """Draw one set in a panel of a pair plot."""
    if histogram:
        panel.hist(y, bins=24, range=limits, density=True, histtype="stepfilled" if colour == REAL else "step", color=colour)
    else:
        panel.scatter(x, y, s=3, alpha=0.5, color=colour, linewidths=0)
        panel.set_ylim(limits)


IMAGES, SIGNALS = Drawing(_grid), Drawing(_lines)
POINTS, TABLE = (Drawing(draw, crowd=8, compares=True) for draw in (_scatter, _pairs))


def _square(samples: Tensor) -> int:
    """Return the number of columns of a square grid."""
    return math.ceil(math.sqrt(len(samples)))


def _save(figure: plt.Figure, path: Path) -> None:
    with atomic.replacing(path) as partial:
        figure.savefig(partial, dpi=100)
    plt.close(figure)
