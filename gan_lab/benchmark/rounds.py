"""Measure contenders round by round, as long as it takes to know their ratios."""

import math
import time
from collections.abc import Callable, Mapping
from statistics import median, stdev

from omegaconf import DictConfig
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

SPREAD = 0.03
"""Standard error of a ratio that is small enough."""

ROUNDS = 10
"""Rounds that fit into the time, unless the steps are long."""

Speeds = dict[str, list[float]]
"""Images per second of each contender in each round."""


class Budget:
    """The rounds and the time that a benchmark may take, shown as a bar.

    Args:
        seconds: from now on.
        rounds: exactly so many; None: until the spread of every ratio is small, or the time is over.
    """

    def __init__(self, seconds: float, rounds: int | None) -> None:
        self.seconds, self.rounds, self.started = seconds, rounds, time.monotonic()
        columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
        self.bar = Progress(*columns, console=Console(markup=False, emoji=False), transient=True)
        self.task = self.bar.add_task("", total=seconds)

    def say(self, what: str) -> None:
        """Show what is measured now."""
        self.bar.update(self.task, description=what, completed=min(self.used, self.seconds))

    @property
    def used(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def ends(self, speeds: Speeds, base: str, seconds: float) -> bool:
        """Return whether enough was measured.

        Args:
            speeds: of the rounds so far.
            base: to which the ratios are.
            seconds: of the last round.
        """
        done = len(speeds[base])
        if self.rounds is not None:
            return done >= self.rounds
        known = done >= 3 and all(spread(speeds[name], speeds[base]) < SPREAD for name in speeds)
        return known or self.used + seconds > self.seconds


def measure(
    runs: Mapping[str, Callable[[int], float]], base: str, steps: Mapping[str, int], batch: int, budget: Budget
) -> Speeds:
    """Return the speeds of contenders; the order rotates from round to round, so that drift favours none.

    Args:
        runs: the contenders; each takes so many steps and returns their seconds.
        base: the one to which ratios are.
        steps: of D in one measurement of each.
        batch: images in a step.
        budget: says when to end.
    """
    names = list(runs)
    speeds: Speeds = {name: [] for name in names}
    while True:
        turn, started = len(speeds[names[0]]), budget.used
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            budget.say(f"round {turn + 1}: {name}")
            speeds[name].append(steps[name] * batch / runs[name](steps[name]))
        if budget.ends(speeds, base, budget.used - started):
            return speeds


def ratio(mine: list[float], theirs: list[float]) -> float:
    """Return the median of the ratios round by round."""
    return median(a / b for a, b in zip(mine, theirs, strict=True))


def spread(mine: list[float], theirs: list[float]) -> float:
    """Return the standard error of the ratios round by round, relative to them; infinite after one round."""
    ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
    return stdev(ratios) / math.sqrt(len(ratios)) / median(ratios) if len(ratios) > 1 else math.inf


def period(cfg: DictConfig) -> int:
    """Return the steps of D after which steps of G and lazy terms have been taken as often as in a long run."""
    d_steps = cfg.model.d_steps if isinstance(cfg.model.d_steps, int) else 1
    intervals = [penalty.get("interval", 1) for penalty in (cfg.get("penalty") or {}).values()]
    intervals += [d_steps * regularizer.get("interval", 1) for regularizer in (cfg.get("regularizer") or {}).values()]
    return math.lcm(d_steps, *intervals)


def steps_in(seconds: float, of_step: float, cfg: DictConfig) -> int:
    """Return the steps of a measurement: those of ``benchmark.steps``, else as many as fit, in whole periods.

    Args:
        seconds: of a measurement.
        of_step: seconds of a step.
        cfg: a run's.
    """
    steps = cfg.benchmark.steps or seconds / of_step
    periods = math.ceil(steps / period(cfg)) if cfg.benchmark.steps else max(1, round(steps / period(cfg)))
    return periods * period(cfg)
