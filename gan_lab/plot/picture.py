"""Picture files of samples: a grid of images, or a scatter plot of points."""

import math
from pathlib import Path

import matplotlib
import torch
from torch import Tensor
from torchvision.utils import save_image

from gan_lab import atomic

matplotlib.use("agg")
from matplotlib import pyplot as plt

SIDE = 512  # grids of tiny images are enlarged to about this width, in pixels


def save_picture(samples: Tensor, path: Path, columns: int | None = None) -> None:
    """Write images (N, C, H, W) in [-1, 1] as a grid, or points (N, 2, 1, 1) as a scatter plot, to a PNG file.

    Args:
        samples: images or points.
        path: PNG file to write.
        columns: images per row; None makes a square grid.
    """
    samples = samples.detach().float().cpu()
    if samples.shape[-1] == 1:
        _scatter(samples.flatten(1), path)
        return
    columns = columns or math.ceil(math.sqrt(len(samples)))
    zoom = max(1, SIDE // (columns * samples.shape[-1]))
    enlarged = torch.nn.functional.interpolate(samples, scale_factor=zoom, mode="nearest")
    with atomic.replacing(path) as partial:
        save_image(enlarged, partial, nrow=columns, padding=2, normalize=True, value_range=(-1, 1))


def _scatter(points: Tensor, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(4, 4))
    across, up = points[:, 0].numpy(), points[:, 1].numpy()
    axes.scatter(across, up, s=4, alpha=0.5)
    axes.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
    with atomic.replacing(path) as partial:
        figure.savefig(partial, dpi=100)
    plt.close(figure)
