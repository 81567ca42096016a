"""Where the time of training goes: the shares of data, both players, penalties, averages and records."""

from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any

from lightning.pytorch.profilers import Profiler
from torch import Tensor, nn

from gan_lab.model.gan import GAN

PARTS = {
    "discriminator_gradient": "D",
    "discriminator_step": "D",
    "generator_gradient": "G",
    "generator_step": "G",
    "end_step": "EMA",
}
"""Methods of a GAN, and the part of the time that each belongs to."""

ACTIONS = {
    "[_TrainingEpochLoop].train_dataloader_next": "data",
    "[Strategy]SingleDeviceStrategy.batch_to_device": "data",
    "[Callback]LossLogger.on_train_batch_start": "records",
    "[Callback]LossLogger.on_train_batch_end": "records",
}
"""Lightning's names of what surrounds a step."""

SHARES = ("data", "D", "G", "penalty", "EMA", "records", "rest")
"""Parts of the time; ``penalty`` is that of D's penalties and G's regularizers, ``rest`` Lightning's and of clocks."""


class Breakdown(Profiler):
    """Seconds of the parts of training.

    Penalties and regularizers take their gradient by themselves meanwhile, so that all that one costs is known.

    Args:
        now: returns the seconds of a clock, once the device has finished what it was given.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.now, self.is_on = now, False
        self.seconds: dict[str, float] = defaultdict(float)
        self.terms: dict[str, float] = defaultdict(float)
        self.begun: dict[str, float] = {}

    def attach(self, gan: GAN) -> None:
        """Time the parts of this GAN's steps, which are eager ones."""
        for name, part in PARTS.items():
            setattr(gan, name, self._timed(getattr(gan, name), part))
        for name, term in (*gan.penalties.items(), *gan.regularizers.items()):
            term.forward = self._term(gan, name, term)

    def start(self, action_name: str = "") -> None:
        """Begin an action of Lightning's or, without a name, the measurement."""
        if not action_name:
            self.is_on, self.total = True, -self.now()
        elif action_name in ACTIONS:
            self.begun[action_name] = self.now()

    def stop(self, action_name: str = "") -> None:
        """End it."""
        if not action_name:
            self.is_on, self.total = False, self.total + self.now()
        elif action_name in self.begun:
            self._add(self.seconds, ACTIONS[action_name], self.now() - self.begun.pop(action_name))

    def shares(self) -> dict[str, float]:
        """Return each part's share of the time; those of a step only where its GAN was attached."""
        penalty = sum(self.terms.values())
        seconds = dict(self.seconds) | ({"penalty": penalty} if "D" in self.seconds else {})
        shares = {part: seconds[part] / self.total for part in SHARES if part in seconds}
        return shares | {"rest" if "D" in seconds else "step": 1 - sum(shares.values())}

    def shares_of_terms(self) -> dict[str, float]:
        """Return the share of each penalty and regularizer."""
        return {name: seconds / self.total for name, seconds in self.terms.items()}

    def _add(self, to: dict[str, float], part: str, seconds: float) -> None:
        if self.is_on:
            to[part] += seconds

    def _timed(self, method: Callable[..., Any], part: str) -> Callable[..., Any]:
        @wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start, terms = self.now(), sum(self.terms.values())
            result = method(*args, **kwargs)
            self._add(self.seconds, part, self.now() - start - (sum(self.terms.values()) - terms))
            return result

        return timed

    def _term(self, gan: GAN, name: str, term: nn.Module) -> Callable[..., Tensor]:
        """Return a term that has taken its gradient, and is a number from then on."""
        forward = term.forward

        @wraps(forward)
        def timed(*args: Any, **kwargs: Any) -> Tensor:
            start = self.now()
            value: Tensor = forward(*args, **kwargs)
            if value.requires_grad:
                gan.manual_backward(value / gan.accumulate, retain_graph=True)
            self._add(self.terms, name, self.now() - start)
            return value.detach()

        return timed
