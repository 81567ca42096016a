"""Real images with known faults, to see how much of them metrics respond to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from gan_lab.data.pixels import to_uint8, to_unit
from gan_lab.evaluation import features
from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.progress import progress
from gan_lab.evaluation.source import Batches, Reals, Source
from gan_lab.evaluation.suite import MetricSuite
from gan_lab.rng import make_generator

if TYPE_CHECKING:
    from gan_lab.data.module import Data


@dataclass
class Corrupted:
    """Reals, each changed by a function of the image and its number alone."""

    reals: Reals
    change: Callable[[Tensor, Sequence[int]], Tensor]
    fingerprint = None

    def __post_init__(self) -> None:
        self.shape = self.reals.shape

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.reals)

    def batches(self, indices: Sequence[int], size: int) -> Batches:
        """Yield the changed images, in uint8, and their labels."""
        start = 0
        for images, y in self.reals.batches(indices, size):
            yield self.change(images, indices[start : start + size]), y
            start += size


def corrupted(
    data: "Data", num: int | None, noise: Sequence[float], blur: Sequence[float], classes: Sequence[int]
) -> dict[str, Source]:
    """Return the training images, then held-out ones as they are and corrupted, by title.

    Args:
        data: set up.
        num: of the held-out images; None: all.
        noise: standard deviations, where images are in [-1, 1].
        blur: standard deviations in pixels.
        classes: numbers of classes that are left, of data with labels.
    """
    sources: dict[str, Source] = {"training images": Reals(data, "train"), "held-out images": Reals(data, "held_out", num)}
    for sd in noise:
        sources[f"noise of {sd:g}"] = Corrupted(Reals(data, "held_out", num), partial(noisy, sd))
    for sigma in blur:
        sources[f"blur of {sigma:g} pixels"] = Corrupted(Reals(data, "held_out", num), partial(blurred, sigma))
    for kept in classes if data.num_classes else ():
        sources[f"{kept} of {data.num_classes} classes"] = few = Reals(data, "held_out", num)
        few.rows = [row for row in few.rows if int(few.dataset[row][1]) < kept]
    return sources


def noisy(sd: float, images: Tensor, rows: Sequence[int]) -> Tensor:
    """Add normal noise of this standard deviation to images in [-1, 1], from a stream of its own for each row."""
    noise = torch.stack([torch.randn(images.shape[1:], generator=make_generator(0, row)) for row in rows])
    return to_uint8(to_unit(images) + sd * noise)


def blurred(sigma: float, images: Tensor, rows: Sequence[int]) -> Tensor:
    """Apply a Gaussian filter that reaches to three standard deviations."""
    return gaussian_blur(images, [2 * max(1, round(3 * sigma)) + 1] * 2, [sigma] * 2)


def respond(
    suite: MetricSuite, sources: Mapping[str, Source], batch_size: int, device: torch.device
) -> dict[str, dict[str, Any]]:
    """Judge each source against the first one; return a row of the number of images and all values for each."""
    suite.to(device)
    rows: dict[str, dict[str, Any]] = {}
    references: dict[str, Features] = {}
    with progress() as task:
        for title, source in sources.items():
            inputs = []
            for extractor in suite.extractors:
                advance = task(title, len(source))
                found = features.cached(source, extractor, batch_size, device, advance)
                inputs.append(EvalInputs(found, references.setdefault(extractor.name, found), None, extractor, Path()))
            rows[title] = {"images": len(source)} | suite.values(inputs)
    return rows
