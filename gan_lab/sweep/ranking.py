"""Read the jobs of a sweep and rank them.

Jobs may have run in other processes and on other machines: the files in their folders are all that is known of them.
"""

import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gan_lab.run_folder import RunFolder, inside

SEED = "seed"
"""Jobs that differ in nothing else are one row."""


@dataclass
class Job:
    """One job of a sweep.

    Attributes:
        folder: its run folder.
        overrides: its options as given on the command line, without quotes.
        status: ``finished``, ``stopped`` or ``failed``.
        primary: the metric that chooses its checkpoint; None without one.
        mode: its better direction, ``min`` or ``max``.
        best: its best value in validation.
        chosen: its value for the chosen checkpoint, on latents that chose nothing.
        others: values of the other metrics that have a better direction.
        images_seen: real images that D has seen.
        seconds: of training and judging.
        error: why it failed.
    """

    folder: Path
    overrides: dict[str, str]
    status: str
    primary: str | None
    mode: str | None
    best: float | None
    chosen: float | None
    others: dict[str, float]
    images_seen: int | None
    seconds: float | None
    error: str | None

    @property
    def value(self) -> float | None:
        """The value to rank it by; None of a failed job."""
        return None if self.status == "failed" else self.chosen

    @property
    def objective(self) -> float | None:
        """The value for a search to optimise: the best in validation; the worst there is of a failed job."""
        if self.mode is None or (self.best is not None and self.status != "failed"):
            return self.best
        return math.inf if self.mode == "min" else -math.inf


def read(folder: RunFolder) -> Job:
    """Return the job of this folder; one that left no ``summary.json`` failed."""
    content = folder.read_summary()
    if not content:
        content = {"status": "failed", "error": "no summary.json"} | metric(OmegaConf.create(folder.read_config()))
    primary, course = content.get("primary"), content.get("scores", {})
    final = content.get("final_judgement", {"scores": {}})["scores"]
    return Job(
        folder=folder.path,
        overrides=folder.read_overrides(),
        status=content["status"],
        primary=primary,
        mode=content.get("mode"),
        best=_finite(course.get(f"val/{primary}", {}).get("best")),
        chosen=_finite(final.get(primary)),
        others={name: final[name] for name in final if name != primary and "best" in course.get(f"val/{name}", {})},
        images_seen=content.get("images_seen"),
        seconds=content.get("seconds"),
        error=content.get("error"),
    )


def metric(cfg: Any) -> dict[str, str | None]:
    """Return the metric that chooses the checkpoint of a configuration, and whether its ``min`` or ``max`` is best."""
    return {key: OmegaConf.select(cfg, f"metric.{key}") for key in ("primary", "mode")}


def collect(sweep: Path) -> list[Job]:
    """Return the jobs of a sweep that have begun, in their order."""
    return [read(RunFolder(folder)) for folder in inside(sweep)]


def swept(jobs: list[Job]) -> list[str]:
    """Return the options in which the jobs differ, in the order of the command line."""
    keys = dict.fromkeys(key for job in jobs for key in job.overrides)
    return [key for key in keys if len({job.overrides.get(key) for job in jobs}) > 1]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


@dataclass
class Row:
    """The jobs that differ in nothing but their seed.

    Attributes:
        options: the swept options and their values.
        jobs: one per seed.
    """

    options: dict[str, str]
    jobs: list[Job]

    @property
    def values(self) -> list[float]:
        """The values of the jobs that have one."""
        return [job.value for job in self.jobs if job.value is not None]

    @property
    def mean(self) -> float | None:
        """Mean of the values."""
        return statistics.fmean(self.values) if self.values else None

    @property
    def sd(self) -> float | None:
        """Standard deviation between seeds (n - 1)."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def others(self) -> dict[str, str]:
        """Mean and deviation of each other metric, over the jobs that have a value."""
        judged = [job.others for job in self.jobs if job.value is not None]
        return {name: spread([others[name] for others in judged if name in others]) for name in (judged[0] if judged else ())}

    def count(self, status: str) -> int:
        """Count its jobs with this status."""
        return sum(job.status == status for job in self.jobs)


def spread(values: list[float]) -> str:
    """Return the mean and, of several values, the standard deviation (n - 1), as text."""
    deviation = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.4g}{deviation}"


def group(jobs: list[Job]) -> list[Row]:
    """Put jobs that differ in nothing but their seed into one row, in the order of the jobs."""
    keys = [key for key in swept(jobs) if key != SEED]
    rows: dict[tuple[str, ...], Row] = {}
    for job in jobs:
        options = {key: job.overrides.get(key, "") for key in keys}
        rows.setdefault(tuple(options.values()), Row(options, [])).jobs.append(job)
    return list(rows.values())


def rank(rows: list[Row]) -> list[Row]:
    """Sort rows of one metric: the best mean first, those without a value last."""
    return sorted(rows, key=lambda row: math.inf if row.mean is None else badness(row.jobs[0], row.mean))


def badness(job: Job, value: float) -> float:
    """Return the value with the sign by which the lower is the better."""
    return -value if job.mode == "max" else value
