"""Progressive growing: the resolution at which a GAN trains, as a function of images seen (Karras 2018)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gan_lab.errors import InputError
from gan_lab.ranges import Count, Fraction, NonNegative, Size


@dataclass(frozen=True)
class Level:
    """A moment of progressive growing.

    Attributes:
        resolution: height and width of the images.
        alpha: share of this resolution in a blend with the lower one, 0 to 1.
        fading: whether the two are blended.
    """

    resolution: int
    alpha: float = 1.0
    fading: bool = False


class Growth:
    """Doubles the resolution of a GAN during training (Karras 2018, section 2 and figure 2).

    Each level trains stably, then fades in the next one; the last one trains to the end.

    Args:
        image_size: the final resolution.
        total_images: length of the run, in images.
        start: the first resolution.
        images_per_level: images from the start of one level to that of the next; None: the last level starts halfway
            through the run.
        fade: share of a level's images in which the next one fades in.
        batch_sizes: from each of these resolutions on, the size of a step's batch on each process, which divides that of lower
            resolutions, the lowest of which have the loader's batch, ``data.batch_size``.
        lr_factors: from each of these resolutions on, the factor of all learning rates.
        reset_optimizers: whether optimizers forget their moments where a fade begins or ends, as in the authors' code.
    """

    def __init__(
        self,
        image_size: Size,
        total_images: Count,
        start: Size = 4,
        images_per_level: Count | None = None,
        fade: Fraction = 0.5,
        batch_sizes: Mapping[int, Count] | None = None,
        lr_factors: Mapping[int, NonNegative] | None = None,
        reset_optimizers: bool = True,
    ) -> None:
        doublings = math.log2(image_size / start) if 4 <= start <= image_size else -1
        if doublings < 0 or doublings != int(doublings):
            raise InputError(
                f"model.growth.start={start} does not grow to data.image_size={image_size} by doubling: use 4, and a size "
                "that is a power of two"
            )
        if not 0 <= fade <= 1:
            raise InputError(f"model.growth.fade={fade} is no share of a level: give a number from 0 to 1")
        self.start, self.doublings, self.fade = start, int(doublings), fade
        self.images_per_level = images_per_level or max(1, total_images // max(1, 2 * self.doublings))
        self.batch_sizes, self.lr_factors = batch_sizes or {}, lr_factors or {}
        self.reset_optimizers = reset_optimizers

    def __call__(self, images_seen: int) -> Level:
        """Return the level at ``images_seen``."""
        number, images = divmod(images_seen, self.images_per_level)
        if number >= self.doublings:
            return Level(self.start << self.doublings)
        stable = (1 - self.fade) * self.images_per_level
        if images < stable:
            return Level(self.start << number)
        return Level(self.start << (number + 1), (images - stable) / (self.images_per_level - stable), fading=True)

    def batch_size(self, images_seen: int, loaded: int) -> int:
        """Return the size of a step's batch on each process, where the loader's is ``loaded``."""
        return int(_reached(self.batch_sizes, self(images_seen).resolution, loaded))

    def lr_factor(self, images_seen: int) -> float:
        """Return the factor of all learning rates."""
        return _reached(self.lr_factors, self(images_seen).resolution, 1.0)


def _reached(table: Mapping[int, float], resolution: int, default: float) -> float:
    """Return the entry of the largest of the table's resolutions that is reached."""
    return table[max(keys)] if (keys := [key for key in table if key <= resolution]) else default
