"""Synthetic images: blobs with known modes, and noise for tests and benchmarks."""

import torch
from torch import Tensor

from gan_lab.data.arrays import Arrays
from gan_lab.errors import InputError
from gan_lab.ranges import NonNegative, Rows, Sides, Size
from gan_lab.rng import Stream, make_generator
from gan_lab.sizes import height_and_width

REACH = 0.75  # a centre at 1 is drawn at this fraction of the way from the middle of the image to its edge
WIDTH = 1 / 6  # standard deviation of a blob, in units of half the image size
DIMMEST = 0.6  # smallest peak brightness of a blob, on a scale from 0 to 1


class Blobs:
    """Images of one bright blob on black at one of K places; the class of an image is its place.

    The position and the brightness of each channel vary, so the data are continuous rather than K fixed images.

    Args:
        centers: the places (K, 2), in [-1, 1].
        image_size: height and width.
        channels: number of channels.
        std: standard deviation of the position around its place, in the units of ``centers``.
    """

    def __init__(self, centers: Tensor, image_size: Size, channels: Size = 1, std: NonNegative = 0.04) -> None:
        height, width = height_and_width(image_size)
        if height != width:
            raise InputError(f"data=blobs are squares, not {height}x{width}: give data.image_size={height}")
        self.centers, self.image_size, self.channels, self.std = centers, height, channels, std

    def sample(self, n: int, seed: int) -> tuple[Tensor, Tensor]:
        """Draw images, uint8 (n, C, H, W), and their places (n,)."""
        g = make_generator(seed, Stream.DATA)
        place = torch.randint(len(self.centers), (n,), generator=g)
        blob = self._render(self.centers[place] + self.std * torch.randn(n, 2, generator=g))
        brightness = DIMMEST + (1 - DIMMEST) * torch.rand(n, self.channels, 1, 1, generator=g)
        return (255 * brightness * blob).round().to(torch.uint8), place

    def assign(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the likeliest place (N,) of images in [-1, 1], and whether they show a blob there and little else (N,).

        An image x, on a scale from 0 (black) to 1, shows the blob t of a place if t explains at least four fifths of its
        energy, <x, t>^2 >= 0.8 |x|^2 |t|^2, and is at least half as bright in x as the dimmest blob. Of two equal blobs each
        explains half; a blob halfway between two places, noise and the mean of all images are explained less well.
        """
        x = (images.flatten(1) + 1) / 2
        t = self._render(self.centers).repeat(1, self.channels, 1, 1).flatten(1).to(x)
        projection, place = (x @ t.T / t.norm(dim=1)).max(1)
        explained = projection.square() >= 0.8 * x.square().sum(1)
        return place, explained & (projection >= DIMMEST / 2 * t.norm(dim=1)[place])

    def _render(self, centers: Tensor) -> Tensor:
        """Render blobs (N, 1, H, W) with peak 1 at positions (N, 2), given as (across, down)."""
        pixel = (2 * torch.arange(self.image_size) + 1) / self.image_size - 1
        across, down = torch.exp(-(((pixel - REACH * centers[..., None]) / WIDTH) ** 2) / 2).unbind(1)
        return (down[:, :, None] * across[:, None, :])[:, None]


def fake(n: Rows, channels: Size, image_size: Sides, num_classes: Size | None, seed: int) -> Arrays:
    """Return ``n`` images of uniform noise, with random labels unless ``num_classes`` is None."""
    g = make_generator(seed, Stream.DATA)
    images = torch.randint(256, (n, channels, *height_and_width(image_size)), dtype=torch.uint8, generator=g)
    return Arrays(images, None if num_classes is None else torch.randint(num_classes, (n,), generator=g))
