"""The pace of a run: images per second of training, seconds of judging, and the time that is left."""

import time
from collections.abc import Callable

NETWORK_SHARE = 3 / 13
"""Passes to judge a sample, one of G and two of D, among the passes to train on an image; see `config.validation_interval`."""


class Pace:
    """A clock that counts training and judging apart.

    Args:
        total_images: length of the run.
        now: seconds of a clock.

    Attributes:
        judging: seconds of each validation, the first the first; it also judges the reals.
    """

    def __init__(self, total_images: int, now: Callable[[], float] = time.monotonic) -> None:
        self.total_images, self.now = total_images, now
        self.judging: list[float] = []
        self.start(0)  # a resumed run may owe a validation before its first step

    def start(self, images_seen: int) -> None:
        """Start to count here."""
        self.first_image, self.started, self.paused = images_seen, self.now(), 0.0

    def pause(self) -> None:
        """Begin to judge."""
        self.pause_started = self.now()

    def resume(self) -> None:
        """End judging."""
        self.judging.append(self.now() - self.pause_started)
        self.paused += self.judging[-1]

    @property
    def seconds(self) -> float:
        """Seconds of training since the start."""
        return self.now() - self.started - self.paused

    def rate(self, images_seen: int) -> float:
        """Return images per second of training."""
        return max(1, images_seen - self.first_image) / max(self.seconds, 1e-9)

    def training_left(self, images_seen: int) -> float:
        """Return the seconds of training that are left, never fewer than none."""
        return max(0, self.total_images - images_seen) / self.rate(images_seen)

    def judging_left(self, validations: int) -> float:
        """Return the seconds of so many validations, each as long as the last one; 0 before the first."""
        return validations * self.judging[-1] if self.judging else 0.0


def duration(seconds: float) -> str:
    """Return seconds as one reads them: ``42 s``, ``3 min 5 s``, ``2 h 10 min``, ``4 d 6 h``."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days} d {h} h"
    if hours:
        return f"{hours} h {m} min"
    return f"{minutes} min {s} s" if minutes else f"{s} s"
