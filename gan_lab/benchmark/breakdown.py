"""Where the time of training goes: the share of each part of a step."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from gan_lab.model.gan import GAN

PARTS = {
    "discriminator_batch": "D: fakes",
    "discriminator_objective": "D: losses and penalties",
    "discriminator_step": "D: optimizer",
    "generator_batch": "G: fakes",
    "generator_objective": "G: losses and regularizers",
    "generator_step": "G: optimizer",
    "end_step": "averages and clocks",
}
"""Methods of a GAN, in the order of a step, and what they do."""


class Breakdown:
    """Seconds of the parts of a GAN's steps.

    Args:
        gan: its methods are replaced by timed ones.
        now: returns the seconds of a clock, once the device has finished what it was given.
    """

    def __init__(self, gan: GAN, now: Callable[[], float]) -> None:
        self.now, self.player = now, "D"
        self.seconds: dict[str, float] = defaultdict(float)
        for name, part in PARTS.items():
            setattr(gan, name, self._timed(getattr(gan, name), partial(str, part)))
        for name, player in (("discriminator_gradient", "D"), ("generator_gradient", "G")):
            setattr(gan, name, self._of(player, getattr(gan, name)))
        gan.backward_part = self._timed(gan.backward_part, lambda: f"{self.player}: backward")  # type: ignore[method-assign]

    def shares(self, total: float) -> dict[str, float]:
        """Return each part's share of ``total`` seconds; the rest is that of data, Lightning and records."""
        parts = [*PARTS.values()]
        order = [*parts[:2], "D: backward", *parts[2:5], "G: backward", *parts[5:]]
        shares = {part: self.seconds[part] / total for part in order}
        return shares | {"data, Lightning, records": 1 - sum(shares.values())}

    def _timed(self, method: Callable[..., Any], part: Callable[[], str]) -> Callable[..., Any]:
        @wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = self.now()
            result = method(*args, **kwargs)
            self.seconds[part()] += self.now() - start
            return result

        return timed

    def _of(self, player: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def of_player(*args: Any, **kwargs: Any) -> Any:
            self.player = player
            return method(*args, **kwargs)

        return of_player
