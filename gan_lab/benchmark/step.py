"""Measure the training step against a hand-written loop: ``python -m gan_lab.benchmark model=dcgan speed=fast``."""

import math
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, cast

import lightning as L
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import track
from rich.table import Table

from gan_lab import atomic
from gan_lab.benchmark.breakdown import Breakdown
from gan_lab.benchmark.plain_loop import PlainLoop
from gan_lab.callback.summary import peak_memory
from gan_lab.cli import console
from gan_lab.cli.compose import CONF
from gan_lab.model.gan import GAN
from gan_lab.training.build import build
from gan_lab.training.capture import Capture
from gan_lab.training.config import check_numbers, finalize_config
from gan_lab.training.speed import backends

Run = Callable[[int], float]
"""Runs a number of D's steps after a warm-up and returns their seconds."""

FLOAT32 = {"speed": OmegaConf.load(CONF / "speed/plain.yaml")}


def benchmark(cfg: DictConfig) -> None:
    """Measure, print a table, write ``benchmark.json``."""
    console.quiet()
    check_numbers(cfg)
    finalize_config(cfg, cfg.data.batch_size, cfg.data.batch_size, Path.cwd())
    plain = cast(DictConfig, OmegaConf.merge(cfg, FLOAT32))
    runs = {
        "gan_lab": ours(cfg),
        "plain loop, same settings": plain_loop(cfg),
        "plain loop, float32": plain_loop(plain),
    }
    terms = {f"without {name}": (group, str(name)) for group in ("penalty", "regularizer") for name in cfg.get(group) or {}}
    runs |= {label: plain_loop(without(cfg, *term)) for label, term in terms.items()}
    steps = whole_intervals(cfg)
    speeds = measure(runs, cfg.benchmark.rounds, steps, cfg.data.batch_size)
    record = {
        "images_per_second": {name: round(median(values), 1) for name, values in speeds.items()},
        "ratio": {name: round(ratio(speeds["gan_lab"], speeds[name]), 3) for name in list(runs)[1:3]},
        "share_of_terms": {
            name: round(1 - ratio(speeds["plain loop, same settings"], speeds[label]), 3) for label, (_, name) in terms.items()
        },
        "share_of_parts": {part: round(share, 3) for part, share in breakdown(cfg, steps).items()},
        "rounds": speeds,
        "model": cfg.model._target_,
        "batch": [cfg.data.batch_size, *instantiate(cfg.data).shape],
        "speed": OmegaConf.to_container(cfg.speed),
        "peak_memory_mib": round(peak_memory(device_of(cfg)) / 2**20),
        "device": torch.cuda.get_device_name() if device_of(cfg).type == "cuda" else platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    atomic.write_json(Path(cfg.benchmark.out), record)
    show(record, cfg.benchmark.out)


def cost(cfg: DictConfig) -> str:
    """Return the speed of our training against a hand-written loop with the same networks and losses, as a sentence."""
    cfg.callback.stop_condition.max_images = None
    runs = {"ours": ours(cfg), "plain": plain_loop(cfg)}
    speeds = measure(runs, cfg.benchmark.rounds, cfg.benchmark.steps, cfg.data.batch_size)
    return f"{ratio(speeds['ours'], speeds['plain']):.2f} times the speed of a plain loop"


def measure(runs: dict[str, Run], rounds: int, steps: int, batch_size: int) -> dict[str, list[float]]:
    """Return the images per second of each run in each round; the order rotates, so that drift favours none."""
    names = list(runs)
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for turn in track(range(rounds), description="measuring"):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            speeds[name].append(steps * batch_size / runs[name](steps))
    return speeds


def ratio(mine: list[float], theirs: list[float]) -> float:
    """Return the median of the ratios round by round."""
    return median(a / b for a, b in zip(mine, theirs, strict=True))


def without(cfg: DictConfig, group: str, name: str) -> DictConfig:
    """Return the configuration without one of its terms."""
    less = cast(DictConfig, cfg.copy())
    less[group] = {key: node for key, node in cfg[group].items() if key != name}
    return less


def whole_intervals(cfg: DictConfig) -> int:
    """Return the steps of a measurement, rounded up so that every lazy term is taken as often as in a long run."""
    d_steps = cfg.model.d_steps if isinstance(cfg.model.d_steps, int) else 1
    intervals = [penalty.get("interval", 1) for penalty in (cfg.get("penalty") or {}).values()]
    intervals += [d_steps * regularizer.get("interval", 1) for regularizer in (cfg.get("regularizer") or {}).values()]
    return math.ceil(cfg.benchmark.steps / (period := math.lcm(d_steps, *intervals))) * period


def breakdown(cfg: DictConfig, steps: int) -> dict[str, float]:
    """Return the share of training's time that each part of a step takes."""
    gan, device = build(cfg), device_of(cfg)
    parts = Breakdown(gan, lambda: now(device))
    return parts.shares(ours(cfg, gan, parts.seconds.clear)(steps))


def ours(cfg: DictConfig, gan: GAN | None = None, started: Callable[[], None] = lambda: None) -> Run:
    """Time real training: Lightning's Trainer, our data module and step, and the logging of losses.

    Args:
        cfg: a run's.
        gan: trained; None makes one.
        started: called when the clock starts, after the warm-up.
    """
    gan, data, warmup = gan or build(cfg), instantiate(cfg.data), cfg.benchmark.warmup

    class Stopwatch(L.Callback):
        """Takes the seconds from the end of the warm-up to the end of the last step."""

        def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
            """Start or stop."""
            if batch_idx + 1 in (warmup, trainer.limit_train_batches):
                self.seconds = now(gan.device) - getattr(self, "start", 0.0)
                self.start = now(gan.device)
                if batch_idx + 1 == warmup:
                    started()

    def run(steps: int) -> float:
        watch, record = Stopwatch(), instantiate(cfg.callback.loss_logger)
        captures = [Capture()] if cfg.speed.get("capture") else []
        limits = {"max_epochs": 1, "limit_train_batches": warmup + steps, "limit_val_batches": 0}
        with backends(cfg.speed):
            instantiate(cfg.trainer, callbacks=[record, watch, *captures], logger=False, **limits).fit(gan, data)
        return watch.seconds

    return run


def plain_loop(cfg: DictConfig) -> Run:
    """Time a hand-written loop with the same networks, losses and optimizers, on one batch already on the device."""
    device, data = device_of(cfg), instantiate(cfg.data)
    loop = PlainLoop(build(cfg).to(device), bf16=cfg.speed.precision == "bf16-mixed")
    real, y = data.transfer_batch_to_device(data.first_batch(), device, 0)

    def run(steps: int) -> float:
        with backends(cfg.speed):
            for _ in range(cfg.benchmark.warmup):
                loop.step(real, y)
            start = now(device)
            for _ in range(steps):
                loop.step(real, y)
            return now(device) - start

    return run


def device_of(cfg: DictConfig) -> torch.device:
    """Return the device that the trainer would choose."""
    return torch.device("cuda" if torch.cuda.is_available() and cfg.trainer.accelerator != "cpu" else "cpu")


def now(device: torch.device) -> float:
    """Return the seconds of a clock, once the device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def show(record: dict[str, Any], path: str) -> None:
    """Print the table and the path of the record."""
    table = Table("", "images/s", "gan_lab's ratio", title=f"{record['model']}, batch {record['batch']}, {record['speed']}")
    shares = Table("of the time", "share")
    for name, speed in record["images_per_second"].items():
        table.add_row(name, f"{speed:,.1f}", f"{record['ratio'][name]:.3f}" if name in record["ratio"] else "")
    for name, share in (record["share_of_parts"] | record["share_of_terms"]).items():
        shares.add_row(name if name in record["share_of_parts"] else f"all that {name} adds", f"{share:.1%}")
    Console(markup=False, emoji=False).print(table)
    Console(markup=False, emoji=False).print(shares)
    Console(markup=False, emoji=False).print(
        f"peak memory {record['peak_memory_mib']:,} MiB, {record['device']}, -> {path}", highlight=False
    )
