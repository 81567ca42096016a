"""Read the jobs of a sweep and rank them.

Jobs may have run in other processes and on other machines: the files in their folders are all that is known of them.
"""

import math
import statistics
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from gan_lab.run_folder import RunFolder, inside

SEED = "seed"
"""Jobs that differ in nothing else are one row."""

TIE, TIE_BREAKERS = 1e-6, 2
"""Share of an objective by which further metrics may move it, and how many: the third would be lost in float64."""


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
        chosen: its value for the chosen checkpoint, on fresh latents.
        others: values of the other metrics that have a better direction.
        courses: direction (``better``) and ``best`` value in validation of these, in the order of the run.
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
    courses: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def value(self) -> float | None:
        """The value to rank it by; None of a failed job."""
        return None if self.status == "failed" else self.chosen

    @property
    def objective(self) -> float | None:
        """The value for a search to minimise: the best in validation, negative where higher is better; inf of a failed job.

        A search that counts modes meets equals: the other metrics move it by less than `TIE`, so that they alone tell these
        apart.
        """
        if self.status == "failed" or (self.primary and self.best is None):
            return math.inf
        if self.best is None:
            return None
        value, share = badness(self.mode, self.best), TIE * max(1.0, abs(self.best))
        for course in list(self.courses.values())[:TIE_BREAKERS]:
            best = _finite(course.get("best"))
            value += share * (1 if best is None else math.atan(badness(course["better"], best)) / (math.pi / 2))
            share *= TIE
        return value


def read(folder: RunFolder) -> Job:
    """Return the job of this folder; one that left no ``summary.json`` failed."""
    content = folder.read_summary()
    if not content:
        content = {"status": "failed", "error": "no summary.json"} | metric(OmegaConf.create(folder.read_config()))
    primary, course = content.get("primary"), content.get("scores", {})
    final = content.get("final_judgement", {"scores": {}})["scores"]
    others = {name: course[f"val/{name}"] for name in final if name != primary and "best" in course.get(f"val/{name}", {})}
    return Job(
        folder=folder.path,
        overrides=folder.read_overrides(),
        status=content["status"],
        primary=primary,
        mode=content.get("mode"),
        best=_finite(course.get(f"val/{primary}", {}).get("best")),
        chosen=_finite(final.get(primary)),
        others={name: final[name] for name in others},
        images_seen=content.get("images_seen"),
        seconds=content.get("seconds"),
        error=content.get("error"),
        courses={name: each for name, each in others.items() if each.get("better")},
    )


def metric(cfg: Any) -> dict[str, str | None]:
    """Return the metric that chooses the checkpoint of a configuration and its better direction, as far as it names them."""
    return {"primary": cfg.get("primary"), "mode": cfg.get("primary_mode")}


def collect(sweep: Path) -> list[Job]:
    """Return the jobs of a sweep that have begun, in their order; one that failed before it knew its metric has another's."""
    jobs = [read(RunFolder(folder)) for folder in inside(sweep)]
    known = next((job for job in jobs if job.mode), None)
    for job in jobs:
        if known and job.status == "failed" and job.mode is None:
            job.primary, job.mode = known.primary, known.mode
    return jobs


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
    return sorted(rows, key=lambda row: math.inf if row.mean is None else badness(row.jobs[0].mode, row.mean))


def badness(mode: str | None, value: float) -> float:
    """Return the value of a metric with the sign by which the lower is the better."""
    return -value if mode == "max" else value


def tie(jobs: list[Job]) -> float | None:
    """Return the value that two jobs or more have in common, all that have any; None where they differ."""
    values = [job.value for job in jobs if job.value is not None]
    return values[0] if len(values) > 1 and len(set(values)) == 1 else None


def by_what_differs(jobs: list[Job]) -> list[Job]:
    """Return jobs of one metric, judged by another if it is equal in all of them and the other is not."""
    if tie(jobs) is None:
        return jobs
    judged = [job for job in jobs if job.value is not None]
    for name, course in judged[0].courses.items():
        if len({job.others.get(name) for job in judged}) > 1:
            return [_judged_by(name, job, course["better"]) for job in jobs]
    return jobs


def _judged_by(name: str, job: Job, mode: str) -> Job:
    """Return the job with another primary metric; its former one stands among the others."""
    if job.value is None or job.primary is None:
        return replace(job, primary=name, mode=mode)
    others = {job.primary: job.value} | {other: value for other, value in job.others.items() if other != name}
    return replace(job, primary=name, mode=mode, chosen=_finite(job.others.get(name)), others=others)
