"""The loops that are timed: real training in a speed setting, and a hand-written loop."""

from collections.abc import Callable, Iterable
from typing import Any, cast

import lightning as L
import yaml
from hydra.utils import instantiate
from lightning.pytorch.profilers import Profiler
from omegaconf import DictConfig, OmegaConf

from gan_lab.benchmark.device import FlopCounter, now
from gan_lab.benchmark.plain_loop import PlainLoop
from gan_lab.benchmark.rounds import period
from gan_lab.cli.compose import CONF
from gan_lab.errors import pick
from gan_lab.model.base.step import StepKind
from gan_lab.model.gan import GAN
from gan_lab.training import capture
from gan_lab.training.build import build
from gan_lab.training.config import check_numbers
from gan_lab.training.speed import backends, device_of

Run = Callable[[int], float]
"""Runs a number of D's steps after a warm-up and returns their seconds."""


def with_setting(cfg: DictConfig, setting: str) -> DictConfig:
    """Return the configuration in a speed setting.

    Args:
        cfg: a run's.
        setting: an option of the group ``speed``, then keys that are switched on or given a value: ``plain``,
            ``plain+capture``, ``plain+precision:bf16-mixed``, ``fast+capture:false``.
    """
    name, *changes = setting.split("+")
    files = {path.stem: path for path in (CONF / "speed").glob("*.yaml")}
    speed = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(pick(files, name, "speed"))))
    for change in changes:
        key, _, value = change.partition(":")
        pick(speed, key, f"{setting}: the key of speed")
        speed[key] = yaml.safe_load(value) if value else True
    changed = cast(DictConfig, cfg.copy())
    changed.speed = speed
    check_numbers(changed)
    return changed


class Ours:
    """Real training: Lightning's Trainer, our data module and step, and the records of losses.

    Args:
        cfg: a run's.
        gan: trained; None makes one.
        profiler: Lightning's, which sees data, steps and callbacks; None: that of the configuration.
        windows: started when the clock starts, after the warm-up, and stopped with it.
    """

    def __init__(
        self, cfg: DictConfig, gan: GAN | None = None, profiler: Profiler | None = None, windows: Iterable[Any] = ()
    ) -> None:
        self.cfg, self.gan, self.data = cfg, gan or build(cfg), instantiate(cfg.data)
        self.profiler, self.windows = profiler, [*windows]
        captures = cfg.speed.get("capture") and device_of(cfg).type == "cuda"
        self.warmup = cfg.benchmark.warmup + (period(cfg) * (capture.WARMUP + 1) if captures else 0)

    def __call__(self, steps: int) -> float:
        """Train, and return the seconds of so many steps."""
        watch = Stopwatch(self.warmup, self.warmup + steps, self.windows)
        callbacks = [instantiate(self.cfg.callback.loss_logger), watch, *capture.callbacks(self.cfg.speed)]
        options = {"max_epochs": 1, "limit_train_batches": self.warmup + steps, "limit_val_batches": 0}
        if self.profiler is not None:
            options["profiler"] = self.profiler
        trainer = instantiate(self.cfg.trainer, callbacks=callbacks, logger=False, **options)
        with backends(self.cfg.speed):
            trainer.fit(self.gan, self.data)
        return watch.seconds


class Stopwatch(L.Callback):
    """Take the seconds from the end of the warm-up to the end of the last step."""

    def __init__(self, first: int, last: int, windows: list[Any]) -> None:
        self.first, self.last, self.windows = first, last, windows

    def on_train_batch_end(self, trainer: L.Trainer, gan: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Start or stop."""
        if batch_idx + 1 == self.first:
            self.start = now(gan.device)
            for window in self.windows:
                window.start()
        elif batch_idx + 1 == self.last:
            self.seconds = now(gan.device) - self.start
            for window in self.windows:
                window.stop()


class Plain:
    """A hand-written loop with the same networks, losses and optimizers, on one batch that lies on the device."""

    def __init__(self, cfg: DictConfig) -> None:
        self.device, data = device_of(cfg), instantiate(cfg.data)
        self.speed, self.warmup, self.period = cfg.speed, cfg.benchmark.warmup, period(cfg)
        self.loop = PlainLoop(build(cfg).to(self.device), bf16=cfg.speed.precision == "bf16-mixed")
        self.batch = data.transfer_batch_to_device(data.first_batch(), self.device, 0)

    def step(self) -> None:
        """Take one step."""
        self.loop.step(*self.batch)

    def __call__(self, steps: int) -> float:
        """Take the steps, and return their seconds."""
        with backends(self.speed):
            for _ in range(self.warmup):
                self.step()
            start = now(self.device)
            for _ in range(steps):
                self.step()
            return now(self.device) - start

    def flops_per_image(self) -> float:
        """Return the floating-point operations of training for each image that D sees, over whole intervals of lazy terms.

        Those of a kind of step are counted once: StyleGAN2 has three kinds in sixteen steps.
        """
        gan, counted, total = self.loop.gan, dict[StepKind, int](), 0
        for _ in range(self.period):
            if (kind := gan.next_kind()) in counted:
                gan.advance_clocks(len(self.batch[0]), kind.g_is_due)
            else:
                with FlopCounter() as counter:
                    self.step()
                counted[kind] = counter.total
            total += counted[kind]
        return total / (self.period * len(self.batch[0]))
