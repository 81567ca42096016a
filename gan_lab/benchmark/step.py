"""Measure training in one or more speed settings against a hand-written loop: ``python -m gan_lab.benchmark``."""

import gc
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gan_lab import atomic
from gan_lab.benchmark import results
from gan_lab.benchmark.breakdown import Breakdown
from gan_lab.benchmark.contenders import Ours, Plain, Run, with_setting
from gan_lab.benchmark.device import Kernels, PeakMemory, matmul_peak, name_of, now
from gan_lab.benchmark.rounds import ROUNDS, Budget, measure, period, ratio, spread, steps_in
from gan_lab.cli import console
from gan_lab.cli.command import output_file
from gan_lab.errors import InputError
from gan_lab.training.build import build
from gan_lab.training.config import check_numbers, finalize_config
from gan_lab.training.speed import choose, device_of

BASE = "plain loop"
"""The contender that all ratios are to: in float32."""


def benchmark(cfg: DictConfig) -> None:
    """Measure, print a table, write ``benchmark.json``."""
    console.quiet()
    check_numbers(cfg)
    if cfg.trainer.devices not in (1, "1", [0]):
        raise InputError(
            f"trainer.devices={cfg.trainer.devices} may be several processes, and one is measured: leave out trainer=ddp, or "
            "add trainer.devices=1"
        )
    is_sweep = HydraConfig.get().mode == RunMode.MULTIRUN  # its results are shown when all jobs have ended
    sweep_file = f"{HydraConfig.get().runtime.output_dir}/{results.FILE}"
    path = output_file(sweep_file if is_sweep else cfg.benchmark.out, "benchmark.out")
    finalize_config(cfg, cfg.data.batch_size, cfg.data.batch_size, Path.cwd())
    record = measured(cfg)
    atomic.write_json(path, record)
    if not is_sweep:
        results.show([record], path)


def measured(cfg: DictConfig) -> dict[str, Any]:
    """Measure the settings, and return all that is known of them."""
    given = cfg.benchmark.settings or []
    names: list[str] = [given] if isinstance(given, str) else [*given]
    settings = {name: with_setting(cfg, name) for name in names} or {"gan_lab": cfg}
    for name, each in settings.items():
        console.say(f"{name:<10} {choose(each)}")
    plain = with_setting(cfg, "plain")
    device, budget = device_of(cfg), Budget(cfg.benchmark.seconds, cfg.benchmark.rounds)
    with budget.bar:
        makers: dict[str, Callable[[], Run]] = {BASE: lambda: Plain(plain)}
        makers |= {name: partial(Ours, each) for name, each in settings.items()}
        runs, rows, steps = prepare(makers, cfg, budget)
        base = BASE if BASE in runs else next(iter(runs), None)
        speeds = measure(runs, base, steps, cfg.data.batch_size, budget) if base else {}
        for name in speeds:
            rows[name] |= compared(speeds, name, BASE)
        for name, each in settings.items():
            if name in speeds:
                budget.say(f"parts of {name}")
                rows[name] |= parts(each, rows[name]["images_per_second"], device)
        peaks = {
            precision: matmul_peak(device, precision) for precision in {each.speed.precision for each in settings.values()}
        }
    peaks.setdefault(plain.speed.precision, matmul_peak(device, plain.speed.precision))
    flops = rows[BASE].pop("flops_per_image", None)
    for name, each in {BASE: plain, **settings}.items():
        rows[name]["speed"] = OmegaConf.to_container(each.speed)
        if flops and name in speeds:
            rows[name]["share_of_peak"] = flops * rows[name]["images_per_second"] / peaks[each.speed.precision]
    return {
        "model": HydraConfig.get().runtime.choices.get("model") or cfg.model._target_,
        "batch": [cfg.data.batch_size, *instantiate(cfg.data).shape],
        "rows": rows,
        "flops_per_image": flops,
        "matmul_flops": peaks,
        "steps": steps,
        "device": name_of(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "seconds": round(budget.used, 1),
    }


def prepare(
    makers: dict[str, Callable[[], Run]], cfg: DictConfig, budget: Budget
) -> tuple[dict[str, Run], dict[str, dict[str, Any]], dict[str, int]]:
    """Make each contender and run it once; return them, a row of each, with its memory, and the steps that it will take.

    One that does not fit into a GPU's memory has a row that says so.
    """
    runs: dict[str, Run] = {}
    rows: dict[str, dict[str, Any]] = {}
    steps: dict[str, int] = {}
    share = cfg.benchmark.seconds / (ROUNDS * len(makers))
    for name, make in makers.items():
        budget.say(f"warming up {name}")
        try:
            with PeakMemory(device_of(cfg)) as memory:
                run = make()
                once = period(cfg)
                seconds = run(once) / once
            rows[name] = {"peak_memory_mib": memory.bytes and round(memory.bytes / 2**20)}
            if isinstance(run, Plain):
                rows[name]["flops_per_image"] = run.flops_per_image()
            runs[name], steps[name] = run, steps_in(share, seconds, cfg)
        except torch.OutOfMemoryError:
            rows[name] = {"failed": "out of memory"}
        gc.collect()
    return runs, rows, steps


def compared(speeds: dict[str, list[float]], name: str, base: str) -> dict[str, Any]:
    """Return the speed of a contender, and its ratio to the base with its spread, where that could run."""
    values: dict[str, Any] = {"images_per_second": median(speeds[name]), "rounds": speeds[name]}
    if base not in speeds:
        return values
    error = spread(speeds[name], speeds[base])
    return values | {"ratio": ratio(speeds[name], speeds[base]), "spread": error if math.isfinite(error) else None}


def parts(cfg: DictConfig, images_per_second: float, device: torch.device) -> dict[str, Any]:
    """Return the shares of a step's parts, and the share of the time for which a GPU waits."""
    gan, breakdown, steps = build(cfg), Breakdown(lambda: now(device)), period(cfg)
    if not (cfg.speed.capture and device.type == "cuda"):
        breakdown.attach(gan)
    Ours(cfg, gan, breakdown, [breakdown])(steps)
    shares = breakdown.shares()
    terms = breakdown.shares_of_terms()
    row: dict[str, Any] = {"shares": shares, "shares_of_terms": terms}
    if "D" in shares:
        of_d = shares["D"] + sum(terms.get(name, 0.0) for name in gan.penalties)
        row["d_step_seconds"] = of_d * cfg.data.batch_size / images_per_second
    if device.type == "cuda":
        kernels = Kernels()
        Ours(cfg, windows=[kernels])(steps)
        if kernels.seconds:
            shares["waiting"] = max(0.0, 1 - kernels.seconds * images_per_second / (steps * cfg.data.batch_size))
    return row


def cost(cfg: DictConfig) -> str:
    """Return the speed of our training against a hand-written loop with the same networks and losses, as a sentence."""
    cfg.callback.stop_condition.max_images = None
    runs: dict[str, Run] = {"ours": Ours(cfg), BASE: Plain(cfg)}
    steps = dict.fromkeys(runs, steps_in(0, 1, cfg))
    speeds = measure(runs, BASE, steps, cfg.data.batch_size, Budget(cfg.benchmark.seconds, cfg.benchmark.rounds))
    return f"{ratio(speeds['ours'], speeds[BASE]):.2f} times the speed of a plain loop"
