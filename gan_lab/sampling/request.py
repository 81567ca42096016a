"""A request for samples: the GAN, the options that modes share, and the run behind them."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from rich.progress import track
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.model.stylegan import has_styles
from gan_lab.plot.display import Display
from gan_lab.plot.picture import NO_TARGET, Target
from gan_lab.sampling.run import TrainedRun
from gan_lab.sampling.space import LatentSpace, Space, StyleSpace

if TYPE_CHECKING:
    from gan_lab.model.gan import GAN


@dataclass(frozen=True)
class SampleRequest:
    """The options of `gan_lab.sample` that modes and formats read.

    Attributes:
        gan: in evaluation mode, on its device, without gradients of its weights.
        mode: its name, for files.
        n: number of images, rows, loops or strips.
        steps: images from one latent to the next, or of a strip.
        seed: of the latents.
        classes: labels to take in turn; None: all.
        truncation: see `gan_lab.model.base.sampling.Sampling.sample`.
        ema: whether to use the averaged generator.
        batch_size: of the generator.
        display: shows samples.
        run: the run that made the GAN.
        image: a file, for the mode that takes one.
    """

    gan: "GAN"
    mode: str
    n: int
    steps: int
    seed: int
    classes: Sequence[Any] | None
    truncation: float | None
    ema: bool
    batch_size: int
    display: Display
    run: TrainedRun
    image: str | None = None

    def latents(self, rows: Sequence[int]) -> Tensor:
        """Return the latents of these sample numbers, (N, latent_dim)."""
        return self.gan.latent_rows(rows, self.seed).to(self.gan.device)

    def labels(self, rows: Sequence[int]) -> Tensor | None:
        """Return the labels of these sample numbers; None where G takes none."""
        return self.gan.labels(rows, self.classes)

    def target(self) -> Target:
        """Return what the display draws these samples beside: the centres of the data's modes, if it draws any."""
        return Target(centres=self.run.centres) if self.display.compares(self.run.shape) else NO_TARGET

    def space(self) -> Space:
        """Return the space in which directions mean most: styles where there are some, else latents."""
        kind = StyleSpace if has_styles(self.gan.generator) else LatentSpace
        return kind(self.gan, self.ema, self.truncation)

    @torch.no_grad()
    def spread(self, space: Space, n: int = 256) -> float:
        """Return the standard deviation of a number of the points of a space, over ``n`` samples."""
        points = space.points(self.latents(range(n)), self.labels(range(n)))
        return float((points - points.mean(0)).square().mean().sqrt())

    @torch.no_grad()
    def batched(self, make: Callable[[slice], Tensor], n: int, what: str = "sampling") -> Tensor:
        """Make ``n`` samples on the CPU, ``batch_size`` at a time, under a progress bar where there are several batches."""
        starts = track(range(0, n, self.batch_size), description=what, disable=n <= self.batch_size)
        return torch.cat([make(slice(i, min(i + self.batch_size, n))).cpu() for i in starts])

    def images(self, space: Space, points: Tensor, y: Tensor | None) -> Tensor:
        """Return the images of points of a space, on the CPU."""
        return self.batched(lambda part: space.images(points[part], None if y is None else y[part]), len(points))


def check_memory(n: int, shape: Sequence[int], key: str) -> None:
    """Refuse more samples of a shape than the memory of this machine holds; ``key``: the options to blame."""
    needed, there = 4 * n * math.prod(shape), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise InputError(
            f"{key} takes {needed / 2**30:,.0f} GiB, and this machine has {there / 2**30:,.0f}: draw fewer at a time, each "
            "with another seed="
        )
