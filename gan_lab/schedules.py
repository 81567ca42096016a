"""Schedules: numbers that change over training, as functions of images seen.

The factor of a learning rate, the weight of a penalty or any other number may be one: ``Schedule(images_seen) -> float``.
"""

import math
from collections.abc import Callable

from gan_lab.ranges import Count, Whole

Schedule = Callable[[int], float]


def value(number: float | Schedule, images_seen: int) -> float:
    """Return the value of a number or schedule at ``images_seen``."""
    return number(images_seen) if callable(number) else number


class Constant:
    """A constant ``level``."""

    def __init__(self, level: float = 1.0) -> None:
        self.level = level

    def __call__(self, images_seen: int) -> float:
        """Return the level."""
        return self.level


class Linear:
    """Linear interpolation from ``start`` at ``first_image`` to ``end`` at ``last_image``; constant before and after."""

    def __init__(self, last_image: Count, start: float = 1.0, end: float = 0.0, first_image: Whole = 0) -> None:
        self.last_image, self.start, self.end, self.first_image = last_image, start, end, first_image

    def __call__(self, images_seen: int) -> float:
        """Return the value at ``images_seen``."""
        return self.start + (self.end - self.start) * self._progress(images_seen)

    def _progress(self, images_seen: int) -> float:
        return min(1.0, max(0.0, (images_seen - self.first_image) / max(1, self.last_image - self.first_image)))


class Cosine(Linear):
    """Half a cosine from ``start`` at ``first_image`` to ``end`` at ``last_image`` (Loshchilov & Hutter 2017, eq. 5)."""

    def _progress(self, images_seen: int) -> float:
        return (1 - math.cos(math.pi * super()._progress(images_seen))) / 2
