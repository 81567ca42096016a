"""Schedules: numbers that change over training, as functions of images seen.

The factor of a learning rate, the weight of a penalty or any other number may be one: ``Schedule(images_seen) -> float``.
"""

import math
from collections.abc import Callable
from typing import Any, NoReturn, cast

import torch
from torch import Tensor

from gan_lab.errors import NotCapturable
from gan_lab.ranges import Count, Whole

Schedule = Callable[[int], float]


def value(number: float | Schedule, images_seen: int) -> float:
    """Return the value of a number or schedule at ``images_seen``; in a captured step a schedule's is a tensor."""
    if not callable(number):
        return number
    return cast(float, images_seen.value(number)) if isinstance(images_seen, DeviceClock) else number(images_seen)


def is_zero(number: float | Tensor) -> bool:
    """Return whether a value is 0 for good, so that a term can be left out; a tensor's is not known on the host."""
    return not isinstance(number, Tensor) and number == 0


class DeviceClock:
    """``images_seen`` in a captured step: the values of schedules lie on the device and are written before each step.

    A replay repeats operations, not Python: an ``images_seen`` that Python itself computes with would stay what it was when the
    step was captured. So this one refuses, and the step is not captured.

    Args:
        device: of the step.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.images_seen = device, 0
        self._schedules: dict[int, Schedule] = {}
        self._values: dict[int | str, Tensor] = {}

    def set(self, images_seen: int) -> None:
        """Write the values of all schedules."""
        self.images_seen = images_seen
        for key, schedule in self._schedules.items():
            self._values[key].fill_(schedule(images_seen))

    def value(self, schedule: Schedule) -> Tensor:
        """Return the value of a schedule, a scalar on the device."""
        key = id(schedule)
        if key not in self._schedules:
            self._schedules[key] = schedule
            self.number(key, schedule(self.images_seen))
        return self._values[key]

    def number(self, key: int | str, number: float) -> Tensor:
        """Write a number, and return it as a scalar on the device."""
        if key not in self._values:
            self._values[key] = torch.full((), float(number), device=self.device)
        return self._values[key].fill_(number)

    def _refuse(self, *args: Any) -> NoReturn:
        raise NotCapturable("images_seen is used as a number of Python: use gan_lab.schedules.value(schedule, images_seen)")

    __int__ = __float__ = __index__ = __bool__ = __hash__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _refuse


class Constant:
    """A constant ``level``."""

    def __init__(self, level: float = 1.0) -> None:
        self.level = level

    def __call__(self, images_seen: int) -> float:
        """Return the level."""
        return self.level


class From:
    """0 before ``first_image``, then 1."""

    def __init__(self, first_image: int) -> None:
        self.first_image = first_image

    def __call__(self, images_seen: int) -> float:
        """Return 0 or 1."""
        return float(images_seen >= self.first_image)


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
