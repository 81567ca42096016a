"""Picture files of samples: a grid of images, a scatter plot of points, or a grid of small line plots of signals."""

import math
from pathlib import Path

import matplotlib
import torch
from torch import Tensor
from torchvision.utils import save_image

from gan_lab import atomic

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection

SIDE = 512  # grids of tiny images are enlarged to about this width, in pixels
FILLED = 0.9  # share of its cell, across and up, that a signal takes


def save_picture(samples: Tensor, path: Path, columns: int | None = None) -> None:
    """Write samples to a PNG file: images in [-1, 1] as a grid, points as a scatter plot, all else as small line plots.

    Args:
        samples: images (N, C, H, W), points (N, 2, 1, 1) or (N, 2), signals (N, C, L) or vectors (N, F).
        path: PNG file to write.
        columns: of a grid; None makes a square one.
    """
    samples = samples.detach().float().cpu()
    columns = columns or math.ceil(math.sqrt(len(samples)))
    if samples.ndim == 4 and samples.shape[-1] > 1:
        _grid(samples, path, columns)
    elif samples.ndim == 4 or samples[0].numel() == 2:
        _scatter(samples.flatten(1), path)
    else:
        _lines(samples.view(len(samples), -1, samples.shape[-1]), path, columns)


def _grid(images: Tensor, path: Path, columns: int) -> None:
    zoom = max(1, SIDE // (columns * images.shape[-1]))
    enlarged = torch.nn.functional.interpolate(images, scale_factor=zoom, mode="nearest")
    with atomic.replacing(path) as partial:
        save_image(enlarged, partial, nrow=columns, padding=2, normalize=True, value_range=(-1, 1))


def _lines(signals: Tensor, path: Path, columns: int) -> None:
    """Draw each signal (C, L) in a cell of its own, a line per channel, all cells on one scale."""
    rows, cell = math.ceil(len(signals) / columns), torch.arange(len(signals))
    low, high = signals.aminmax()
    y = FILLED * (signals - low) / (high - low).clamp_min(1e-12) - (cell // columns)[:, None, None]
    x = (cell % columns)[:, None, None] + torch.linspace(0, FILLED, signals.shape[2])
    figure, axes = plt.subplots(figsize=(max(4, columns), max(2, 0.6 * rows)), layout="constrained")
    for channel, lines in enumerate(torch.stack([x.expand_as(y), y], -1).unbind(1)):
        axes.add_collection(LineCollection(list(lines.numpy()), colors=f"C{channel % 10}", linewidths=1))
    axes.set(xlim=(FILLED - 1, columns), ylim=(FILLED - rows, 1))
    axes.set_axis_off()
    with atomic.replacing(path) as partial:
        figure.savefig(partial, dpi=100)
    plt.close(figure)


def _scatter(points: Tensor, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(4, 4))
    across, up = points[:, 0].numpy(), points[:, -1].numpy()
    axes.scatter(across, up, s=4, alpha=0.5)
    axes.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
    with atomic.replacing(path) as partial:
        figure.savefig(partial, dpi=100)
    plt.close(figure)
