"""What every GAN here promises, each as a function (configuration, folder) -> what was seen; `Broken` says what is not so.

`gan_lab.check` looks at them for one GAN, the tests for all.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector
from torch.nn.utils.parametrize import ParametrizationList

from gan_lab import benchmark, checkpoint
from gan_lab.build import build
from gan_lab.model.gan import GAN, sum_of
from gan_lab.noise import Noise

Promise = Callable[[DictConfig, Path], str]


class Broken(Exception):
    """A promise that is not kept, and why."""


# ----- training a little ---------------------------------------------------------------------------------------------


def trained(
    cfg: DictConfig, *callbacks: L.Callback, gan: GAN | None = None, ckpt_path: Path | None = None, **options: Any
) -> GAN:
    """A GAN after a run with these callbacks alone, and the one that ends it; its trainer is ``gan.trainer``."""
    gan = gan or build(cfg)
    options = {"enable_checkpointing": False, "limit_val_batches": 0, "logger": False} | options
    trainer = instantiate(cfg.trainer, accelerator="cpu", callbacks=[*callbacks, instantiate(cfg.callback.limit)], **options)
    trainer.fit(gan, instantiate(cfg.data), ckpt_path=ckpt_path, weights_only=True)
    return gan


def difference(one: nn.Module, two: nn.Module) -> str | None:
    """The name of the first value in which two modules differ by a bit, clocks included; None: they are equal."""
    a, b = one.state_dict(), two.state_dict()
    if a.keys() != b.keys():
        return str(min(a.keys() ^ b.keys()))
    return next((n for n in a if not (torch.equal(a[n], b[n]) if torch.is_tensor(a[n]) else a[n] == b[n])), None)


def require_equal(one: nn.Module, two: nn.Module, what: str) -> None:
    """`Broken` if they differ."""
    if (name := difference(one, two)) is not None:
        raise Broken(f"{what}: {name} differs")


class Spy(L.Callback):
    """Wraps the GAN's four moves.

    Attributes:
        moved: each move with the networks whose weights it changed.
        reals: what D saw.
        latents: what was drawn, as it was drawn.
    """

    MOVES = ("discriminator_gradient", "discriminator_step", "generator_gradient", "generator_step")
    NETWORKS = ("generator", "discriminator", "generator_ema")

    def __init__(self) -> None:
        self.moved: list[tuple[str, set[str]]] = []
        self.reals: list[Tensor] = []
        self.latents: list[Tensor] = []

    def on_fit_start(self, trainer: L.Trainer, gan: Any) -> None:
        """Wrap them."""
        for move in self.MOVES:
            setattr(gan, move, partial(self._watch, gan, move, getattr(gan, move)))
        draw = gan.latents
        gan.latents = lambda n: self._kept(draw(n))

    def _kept(self, z: Tensor) -> Tensor:
        self.latents.append(z.clone())
        return z

    def _watch(self, gan: GAN, name: str, move: Callable[..., None], *args: Tensor) -> None:
        if name == "discriminator_gradient":
            self.reals.append(args[0].clone())
        before = self._weights(gan)
        gradients = [weight.grad for weight in gan.generator.parameters()]
        move(*args)
        self.moved.append(
            (name, {network for network, now in self._weights(gan).items() if not torch.equal(now, before[network])})
        )
        touched = any(w.grad is not g for w, g in zip(gan.generator.parameters(), gradients, strict=True))
        if name.startswith("discriminator") and touched:
            raise Broken(f"{name} leaves a gradient in the generator: make D's fakes without one")
        if not all(weight.requires_grad for weight in gan.discriminator.parameters()):
            raise Broken(f"{name} leaves the discriminator frozen")

    def _weights(self, gan: GAN) -> dict[str, Tensor]:
        return {name: parameters_to_vector(getattr(gan, name).parameters()).detach().clone() for name in self.NETWORKS}


def spied(cfg: DictConfig) -> tuple[GAN, Spy]:
    """A run, and what was seen of it."""
    spy = Spy()
    return trained(cfg, spy), spy


# ----- the promises --------------------------------------------------------------------------------------------------


def each_moves_its_own(cfg: DictConfig, folder: Path) -> str:
    """A step moves the weights of its own network, and nothing else does; the average moves after G's steps."""
    _, spy = spied(cfg)
    own = {"discriminator_step": {"discriminator"}, "generator_step": {"generator"}}
    for move, moved in spy.moved:
        if moved != own.get(move, set()):
            raise Broken(f"{move} moves {' and '.join(sorted(moved)) or 'nothing'}")
    return f"{len(spy.moved)} moves"


def fresh_reals(cfg: DictConfig, folder: Path) -> str:
    """Each step of D sees reals of its own, each of G comes after ``d_steps`` of them, and no latents come twice."""
    gan, spy = spied(cfg)
    for name, batches in (("reals", spy.reals), ("latents", spy.latents)):
        rows = [tuple(row.flatten().tolist()) for batch in batches for row in batch]
        if len(set(rows)) < len(rows):
            raise Broken(f"{name} are used twice")
    steps = "".join(move[0] for move, _ in spy.moved if move.endswith("_step"))
    if not callable(gan.d_steps) and not (("d" * gan.d_steps + "g") * len(steps)).startswith(steps):
        raise Broken(f"the steps are {steps} with d_steps={gan.d_steps}")
    if (gan.images_seen, gan.d_steps_done) != (cfg.total_images, steps.count("d")):
        raise Broken(
            f"the clocks say {gan.images_seen} images and {gan.d_steps_done} steps of D after {cfg.total_images} and {steps}"
        )
    if gan.trainer.global_step != gan.g_steps_done:
        raise Broken(f"Lightning counts {gan.trainer.global_step} steps and G has done {gan.g_steps_done}")
    return f"{steps.count('d')} steps of D, {steps.count('g')} of G"


def same_seed(cfg: DictConfig, folder: Path) -> str:
    """The same seed gives the same weights, another one others."""
    first, other = trained(cfg), deepcopy(cfg)
    require_equal(first, trained(cfg), "two runs of one seed")
    other.seed = cfg.seed + 1
    if difference(first, trained(other)) is None:
        raise Broken("another seed gives the same weights")
    return "equal bit for bit"


def exact_resume(cfg: DictConfig, folder: Path) -> str:
    """A run that was stopped and went on equals an undisturbed one, stopped before, at or after a validation."""
    validated: dict[str, Any] = {"limit_val_batches": 1, "val_check_interval": 6}
    whole, half = trained(cfg, **validated), deepcopy(cfg)
    for steps in (5, 6, 7):
        half.callback.limit.max_images = steps * cfg.data.batch_size
        trained(half, **validated).trainer.save_checkpoint(folder / "half.ckpt")
        resumed = trained(cfg, ckpt_path=folder / "half.ckpt", **validated)
        require_equal(whole, resumed, f"stopped after {steps} steps of D and resumed")
    return "equal bit for bit"


def same_samples(cfg: DictConfig, folder: Path) -> str:
    """A checkpoint that is loaded alone gives the samples of the run, in [-1, 1]; another seed gives others."""
    gan = trained(cfg, checkpoint.StandAlone(cfg, []))
    checkpoint.save(gan.trainer, folder / "samples.ckpt")
    loaded, _ = checkpoint.load(folder / "samples.ckpt")
    images = gan.sample(range(4))
    if not torch.equal(images, loaded.sample(range(4))):
        raise Broken("the samples of a checkpoint are not those of the run")
    if torch.equal(images, loaded.sample(range(4), seed=1)):
        raise Broken("another seed gives the same samples")
    if images.shape[1:] != (cfg.data.channels, cfg.data.image_size, cfg.data.image_size):
        raise Broken(f"samples are {tuple(images.shape[1:])}, the data are not")
    if cfg.data.image_size > 1 and images.abs().max() > 1:
        raise Broken(f"samples reach {float(images.abs().max()):.3g}, beyond [-1, 1]")
    return "x".join(map(str, images.shape))


def silent_judging(cfg: DictConfig, folder: Path) -> str:
    """Validation changes nothing in training."""
    require_equal(
        trained(cfg, limit_val_batches=2, val_check_interval=3), trained(cfg), "a run that was validated and one that was not"
    )
    return "equal bit for bit"


def gradients(cfg: DictConfig, folder: Path) -> str:
    """What both players descend along, penalties included, is the slope that finite differences find (in float64)."""
    cfg.trainer.precision = cfg.speed.precision = "64-true"
    gan, errors = trained(cfg), {}
    for name in ("discriminator", "generator"):
        errors[name] = slope_error(gan, name)
        if not errors[name] < 1e-3:
            raise Broken(f"the gradient of the {name}'s loss is {errors[name]:.2g} of itself off the finite difference")
    return ", ".join(f"{name} {error:.0e}" for name, error in errors.items())


def slope_error(gan: GAN, name: str, step: float = 1e-6) -> float:
    """How far the gradient is off, as a share of the slope, along a random line through a network's weights.

    Spectral norms rest: in training each forward moves their vectors, which the gradient takes as constant.
    """
    for module in gan.train().modules():
        if isinstance(module, ParametrizationList):
            module.eval()
    weights = list(getattr(gan, name).parameters())
    length = sum(weight.numel() for weight in weights) ** 0.5
    line = [torch.randn_like(weight) / length for weight in weights]
    objective, state = descended_on(gan, name), deepcopy(gan.state_dict())

    def at(shift: float) -> Tensor:
        gan.load_state_dict(state)  # norms and penalties have a memory
        with torch.no_grad():
            for weight, direction in zip(weights, line, strict=True):
                weight.add_(direction, alpha=shift)
        return objective()

    found = torch.autograd.grad(at(0), weights, allow_unused=True)
    slope = sum(float((g * d).sum()) for g, d in zip(found, line, strict=True) if g is not None)
    measured = (float(at(step)) - float(at(-step))) / (2 * step)
    gan.load_state_dict(state)
    return abs(slope - measured) / max(abs(measured), 1e-6)


def descended_on(gan: GAN, name: str) -> Callable[[], Tensor]:
    """What a network descends on with its weights as they are: the same images and draws at each call."""
    data: Any = gan.trainer.datamodule  # type: ignore[attr-defined]  # `fit` sets it
    real, y = data.on_after_batch_transfer(data.collate([data.train_set[i] for i in range(data.batch_size)]), 0)
    real = real.to(gan.float_type)

    def again() -> None:
        gan.noise = Noise(0)
        torch.manual_seed(0)  # dropout and the like

    again()
    fake = gan.discriminator_batch(real, y).fake

    def of_discriminator() -> Tensor:
        again()
        batch = gan.discriminator_batch(real, y)
        batch.fake = fake  # where D has a part in making them, it does not descend along that
        return sum_of(gan.discriminator_objective(batch))

    def of_generator() -> Tensor:
        again()
        return sum_of(gan.generator_objective(gan.generator_batch(real, y)))

    return of_discriminator if name == "discriminator" else of_generator


def two_processes(cfg: DictConfig, folder: Path) -> str:
    """Two processes that train together have the same weights and statistics after every step."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    marks = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "NODE_RANK": "0"}
    again = [sys.executable, "-m", "gan_lab.check", *sys.argv[1:], f"check.rank_folder={folder}"]
    ranks = [
        subprocess.Popen(again, env=os.environ | marks | {"LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    said = [rank.communicate(timeout=600)[1].strip() for rank in ranks]
    if any(rank.returncode for rank in ranks):
        raise Broken(f"two processes do not train: {max(said, key=len).splitlines()[-1]}")
    first, second = (json.loads((folder / f"{rank}.json").read_text()) for rank in "01")
    if first != second:
        raise Broken(f"they differ after step {[a == b for a, b in zip(first, second, strict=True)].index(False) + 1}")
    return f"equal after each of {len(first)} steps"


def train_as_rank(cfg: DictConfig, folder: Path) -> None:
    """Train as one of two processes, and write down the sum of each weight and statistic after every step."""
    sums: list[list[float]] = []

    class Sums(L.Callback):
        """Keeps them."""

        def on_train_batch_end(self, trainer: L.Trainer, gan: L.LightningModule, *args: Any) -> None:
            sums.append([t.double().sum().item() for t in (*gan.parameters(), *gan.buffers()) if t.is_floating_point()])

    trained(cfg, Sums(), strategy="ddp_find_unused_parameters_true", devices=2)
    (folder / f"{os.environ['LOCAL_RANK']}.json").write_text(json.dumps(sums))


def cost(cfg: DictConfig, folder: Path) -> str:
    """No promise, but a number: the speed of our training beside a plain loop with the same networks and losses."""
    cfg.callback.limit.max_images = None
    runs = {"ours": benchmark.ours(cfg), "plain": benchmark.plain_loop(cfg)}
    speeds = benchmark.measure(runs, cfg.benchmark.rounds, cfg.benchmark.steps, cfg.data.batch_size)
    return f"{benchmark.ratio(speeds['ours'], speeds['plain']):.2f} times the speed of a plain loop"


PROMISES: dict[str, Promise] = {
    "each step moves its own network": each_moves_its_own,
    "each step of D sees fresh reals": fresh_reals,
    "the same seed, the same weights": same_seed,
    "a resumed run is the same run": exact_resume,
    "a checkpoint has the run's samples": same_samples,
    "judging changes nothing": silent_judging,
    "gradients are slopes": gradients,
    "two processes agree": two_processes,
    "cost": cost,
}
