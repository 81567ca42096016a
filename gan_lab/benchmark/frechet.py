"""Measure speed and accuracy of the Fréchet distance, against torchmetrics: ``python -m gan_lab.benchmark.frechet``."""

import platform
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance

from gan_lab import atomic
from gan_lab.cli import console
from gan_lab.cli.command import output_file
from gan_lab.cli.words import count
from gan_lab.evaluation.moments import Moments, frechet_distance
from gan_lab.rng import make_generator

OURS, THEIRS = "gan_lab", "torchmetrics"


def benchmark_frechet(cfg: DictConfig) -> None:
    """Measure, print a table, write ``benchmark_frechet.json``."""
    console.quiet()
    path = output_file(cfg.out, "out")
    record = measure(cfg)
    atomic.write_json(path, record)
    show(record, cfg.out)


def measure(cfg: DictConfig) -> dict[str, Any]:
    """Measure each decay and number of samples; return the content of ``benchmark_frechet.json``."""
    rows = []
    for decay in cfg.decay:
        real = features(cfg.reals, cfg.d, decay, seed=0)
        moments = Moments.of(real)
        _, seconds = timed(partial(getattr, moments, "factor"))
        judged = [row(features(n, cfg.d, 1.1 * decay, seed=n), real, moments, cfg.repeats) for n in cfg.samples]
        rows += [{"decay": decay, "factor_seconds": seconds} | found for found in judged]
    return {
        "rows": rows,
        "d": cfg.d,
        "reals": cfg.reals,
        "threads": torch.get_num_threads(),
        "device": platform.machine(),
        "torch": torch.__version__,
    }


def features(n: int, d: int, decay: float, seed: int) -> Tensor:
    """Draw features (n, d) in float64 whose variances fall as 1 / i^decay, in a rotated basis that all sets share."""
    rotation = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=make_generator(0, d))).Q
    draws = torch.randn(n, d, dtype=torch.float64, generator=make_generator(1, seed))
    return draws * torch.arange(1, d + 1) ** (-decay / 2) @ rotation


def row(fake: Tensor, real: Tensor, moments: Moments, repeats: int) -> dict[str, Any]:
    """Return the median seconds and the relative errors of both implementations, for one set of samples."""
    sample, metric = Moments.of(fake), torchmetrics(fake, real)
    ways: dict[str, Callable[[], float]] = {
        OURS: lambda: frechet_distance(sample, moments),
        THEIRS: lambda: float(metric.compute()),
    }
    expected, errors = by_singular_values(fake, real), {}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            value, taken = timed(way)
            seconds[name].append(taken)
            errors[name] = abs(value / expected - 1)
    medians = {name: median(taken) for name, taken in seconds.items()}
    return {"n": len(fake), "seconds": medians, "ratio": medians[THEIRS] / medians[OURS], "error": errors, "rounds": seconds}


def torchmetrics(fake: Tensor, real: Tensor) -> FrechetInceptionDistance:
    """Return torchmetrics' metric of these features, which recomputes at every call."""
    identity = torch.nn.Identity()
    identity.num_features = torch.tensor(real.shape[1])
    metric = FrechetInceptionDistance(feature=identity, normalize=True, compute_with_cache=False)
    for part, is_real in ((fake, False), (real, True)):
        metric.update(part, real=is_real)
    return metric


def by_singular_values(x: Tensor, y: Tensor) -> float:
    """Compute the distance from QR factors of the centred features, without forming a covariance: the exact reference."""
    roots = [torch.linalg.qr(z - z.mean(0), mode="r").R / (len(z) - 1) ** 0.5 for z in (x, y)]
    traces = sum(root.square().sum() for root in roots)
    return float((x.mean(0) - y.mean(0)).square().sum() + traces - 2 * torch.linalg.svdvals(roots[0] @ roots[1].T).sum())


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """Return the function's result and the seconds that it took."""
    start = time.perf_counter()
    return function(), time.perf_counter() - start


def show(record: dict[str, Any], path: str) -> None:
    """Print the table and the path of the record."""
    table = Table(
        title=f"{record['d']} features, {record['reals']:,} reals, {count(record['threads'], 'thread')}, {record['device']}"
    )
    for column in ("decay", "samples", f"{OURS}, s", f"{THEIRS}, s", "ratio", f"error of {OURS}", f"of {THEIRS}"):
        table.add_column(column, justify="right")
    for found in record["rows"]:
        seconds = [f"{found['seconds'][name]:.3f}" for name in (OURS, THEIRS)]
        errors = [f"{found['error'][name]:.1e}" for name in (OURS, THEIRS)]
        table.add_row(f"{found['decay']:g}", f"{found['n']:,}", *seconds, f"{found['ratio']:.1f}", *errors)
    Console(markup=False, emoji=False).print(table)
    factor = max(found["factor_seconds"] for found in record["rows"])
    note = f"The factor of the reals took {factor:.3f} s, once. Errors are relative. -> {path}"
    Console(highlight=False, soft_wrap=True, markup=False, emoji=False).print(note)
