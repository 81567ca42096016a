"""What every GAN here promises, each as a function (configuration, folder) -> what was seen; `Violation` says what is not so.

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

from gan_lab.benchmark import step
from gan_lab.model.base import Player
from gan_lab.model.batch import StepContext
from gan_lab.model.gan import GAN
from gan_lab.penalties import Penalty
from gan_lab.rng import StepRNG
from gan_lab.training import checkpoint
from gan_lab.training.build import build

Invariant = Callable[[DictConfig, Path], str]


class Violation(Exception):
    """A promise that is not kept, and why."""


# ----- training a little ---------------------------------------------------------------------------------------------


def trained(
    cfg: DictConfig, *callbacks: L.Callback, gan: GAN | None = None, ckpt_path: Path | None = None, **options: Any
) -> GAN:
    """A GAN after a run with these callbacks alone, and the one that ends it; its trainer is ``gan.trainer``."""
    gan = gan or build(cfg)
    options = {"enable_checkpointing": False, "limit_val_batches": 0, "logger": False} | options
    trainer = instantiate(
        cfg.trainer, accelerator="cpu", callbacks=[*callbacks, instantiate(cfg.callback.stop_condition)], **options
    )
    trainer.fit(gan, instantiate(cfg.data), ckpt_path=ckpt_path, weights_only=True)
    return gan


def difference(one: nn.Module, two: nn.Module) -> str | None:
    """The name of the first value in which two modules differ by a bit, clocks included; None: they are equal."""
    a, b = one.state_dict(), two.state_dict()
    if a.keys() != b.keys():
        return str(min(a.keys() ^ b.keys()))
    return next((n for n in a if not (torch.equal(a[n], b[n]) if torch.is_tensor(a[n]) else a[n] == b[n])), None)


def equal(one: nn.Module, two: nn.Module) -> bool:
    """Return whether two modules have the same state bit for bit, clocks included."""
    return difference(one, two) is None


def require_equal(one: nn.Module, two: nn.Module, what: str) -> None:
    """`Violation` if they differ."""
    if (name := difference(one, two)) is not None:
        raise Violation(f"{what}: {name} differs")


class Spy(L.Callback):
    """Wraps the GAN's four moves.

    Attributes:
        moved: each move with the networks whose weights it changed.
        reals: what D saw.
        latents: what was drawn, as it was drawn.
    """

    MOVES = ("discriminator_gradient", "discriminator_step", "generator_gradient", "generator_step")

    def __init__(self) -> None:
        self.moved: list[tuple[str, set[str]]] = []
        self.reals: list[Tensor] = []
        self.latents: list[Tensor] = []

    def on_fit_start(self, trainer: L.Trainer, gan: Any) -> None:
        """Wrap them."""
        for move in self.MOVES:
            setattr(gan, move, partial(self._watch, gan, move, getattr(gan, move)))
        draw = gan.latents
        gan.latents = lambda n, step: self._kept(draw(n, step))

    def _kept(self, z: Tensor) -> Tensor:
        self.latents.append(z.clone())
        return z

    def _watch(self, gan: GAN, name: str, move: Callable[..., None], *args: Tensor) -> None:
        if name == "discriminator_gradient":
            self.reals.append(args[0].clone())
        networks = with_weights(gan)
        before, gradients = weights_of(networks), {n: gradients_of(network) for n, network in networks.items()}
        move(*args)
        self.moved.append((name, {n for n, now in weights_of(networks).items() if not torch.equal(now, before[n])}))
        if name.startswith("discriminator"):
            for other in networks.keys() - own_networks(gan)["discriminator_step"]:
                if any(g is not b for g, b in zip(gradients_of(networks[other]), gradients[other], strict=True)):
                    raise Violation(f"{name} leaves a gradient in the {other}: make D's fakes without one")
        if not all(weight.requires_grad for weight in gan.discriminator.parameters()):
            raise Violation(f"{name} leaves the discriminator frozen")


def with_weights(gan: GAN) -> dict[str, nn.Module]:
    """What of a GAN has weights, by name: networks, the average, copies that a trick keeps."""
    return {name: module for name, module in gan.named_children() if next(module.parameters(), None) is not None}


def weights_of(networks: dict[str, nn.Module]) -> dict[str, Tensor]:
    """A copy of all weights of each."""
    return {name: parameters_to_vector(network.parameters()).detach().clone() for name, network in networks.items()}


def gradients_of(network: nn.Module) -> list[Tensor | None]:
    """As its weights hold them."""
    return [weight.grad for weight in network.parameters()]


def own_networks(gan: GAN) -> dict[str, set[str]]:
    """Return the networks that each player's step may move, by the weights that its optimizers hold."""
    own: dict[str, set[str]] = {"discriminator_step": set(), "generator_step": set()}
    for trained, optimizer in zip(gan.trained_networks(), gan.trainer.optimizers, strict=True):
        held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
        own["discriminator_step" if trained.player == "d" else "generator_step"] |= {
            name for name, network in with_weights(gan).items() if any(id(weight) in held for weight in network.parameters())
        }
    return own


def spied(cfg: DictConfig) -> tuple[GAN, Spy]:
    """A run, and what was seen of it."""
    spy = Spy()
    return trained(cfg, spy), spy


# ----- the promises --------------------------------------------------------------------------------------------------


def each_moves_its_own(cfg: DictConfig, folder: Path) -> str:
    """A step moves the weights of its own networks, and nothing else does; the average moves after G's steps."""
    gan, spy = spied(cfg)
    own = own_networks(gan)
    if shared := own["discriminator_step"] & own["generator_step"]:
        raise Violation(f"the {min(shared)} has weights in both players' optimizers")
    for move, moved in spy.moved:
        if moved != own.get(move, set()):
            raise Violation(f"{move} moves {' and '.join(sorted(moved)) or 'nothing'}")
    return f"{len(spy.moved)} moves"


def fresh_reals(cfg: DictConfig, folder: Path) -> str:
    """Each step of D sees reals of its own, each of G comes after ``d_steps`` of them, and no latents come twice."""
    gan, spy = spied(cfg)
    for name, batches in (("reals", spy.reals), ("latents", spy.latents)):
        rows = [tuple(row.flatten().tolist()) for batch in batches for row in batch]
        if len(set(rows)) < len(rows):
            raise Violation(f"{name} are used twice")
    steps = "".join(move[0] for move, _ in spy.moved if move.endswith("_step"))
    if not callable(gan.d_steps) and not (("d" * gan.d_steps + "g") * len(steps)).startswith(steps):
        raise Violation(f"the steps are {steps} with d_steps={gan.d_steps}")
    if (gan.images_seen, gan.d_steps_done) != (cfg.total_images, steps.count("d")):
        raise Violation(
            f"the clocks say {gan.images_seen} images and {gan.d_steps_done} steps of D after {cfg.total_images} and {steps}"
        )
    if gan.trainer.global_step != gan.g_steps_done:
        raise Violation(f"Lightning counts {gan.trainer.global_step} steps and G has done {gan.g_steps_done}")
    return f"{steps.count('d')} steps of D, {steps.count('g')} of G"


def same_seed(cfg: DictConfig, folder: Path) -> str:
    """The same seed gives the same weights, another one others."""
    first, other = trained(cfg), deepcopy(cfg)
    require_equal(first, trained(cfg), "two runs of one seed")
    other.seed = cfg.seed + 1
    if difference(first, trained(other)) is None:
        raise Violation("another seed gives the same weights")
    return "equal bit for bit"


def exact_resume(cfg: DictConfig, folder: Path) -> str:
    """A run that was stopped and went on equals an undisturbed one, stopped before, at or after a validation."""
    validated: dict[str, Any] = {"limit_val_batches": 1, "val_check_interval": 6}
    whole, half = trained(cfg, **validated), deepcopy(cfg)
    for steps in (5, 6, 7):
        half.callback.stop_condition.max_images = steps * cfg.data.batch_size
        trained(half, **validated).trainer.save_checkpoint(folder / "half.ckpt")
        resumed = trained(cfg, ckpt_path=folder / "half.ckpt", **validated)
        require_equal(whole, resumed, f"stopped after {steps} steps of D and resumed")
    return "equal bit for bit"


def same_samples(cfg: DictConfig, folder: Path) -> str:
    """A checkpoint that is loaded alone gives the samples of the run, in [-1, 1]; another seed gives others."""
    gan = trained(cfg, checkpoint.EmbedConfig(cfg, []))
    checkpoint.save(gan.trainer, folder / "samples.ckpt")
    loaded, _ = checkpoint.load(folder / "samples.ckpt")
    images = gan.sample(range(4))
    if not torch.equal(images, loaded.sample(range(4))):
        raise Violation("the samples of a checkpoint are not those of the run")
    if torch.equal(images, loaded.sample(range(4), seed=1)):
        raise Violation("another seed gives the same samples")
    if images.shape[1:] != (cfg.data.channels, cfg.data.image_size, cfg.data.image_size):
        raise Violation(f"samples are {tuple(images.shape[1:])}, the data are not")
    if cfg.data.image_size > 1 and images.abs().max() > 1:
        raise Violation(f"samples reach {float(images.abs().max()):.3g}, beyond [-1, 1]")
    return "x".join(map(str, images.shape))


def silent_judging(cfg: DictConfig, folder: Path) -> str:
    """Validation changes nothing in training."""
    require_equal(
        trained(cfg, limit_val_batches=2, val_check_interval=3), trained(cfg), "a run that was validated and one that was not"
    )
    return "equal bit for bit"


def gradients(cfg: DictConfig, folder: Path) -> str:
    """Each term that a player descends on, each penalty too, has the slope that finite differences find (in float64)."""
    cfg.trainer.precision = cfg.speed.precision = "64-true"
    gan, seen = trained(cfg), []
    for player in ("discriminator", "generator"):
        errors = slope_errors(gan, player)
        for term, error in errors.items():
            if not error < 1e-3:
                raise Violation(
                    f"the gradient of {term} in the {player}'s loss is {error:.2g} of itself off the finite difference"
                )
        seen.append(f"{player} {max(errors.values()):.0e} ({', '.join(errors)})")
    return ", ".join(seen)


def slope_errors(gan: GAN, player: str, step: float = 1e-6) -> dict[str, float]:
    """How far the gradient of each term is off, as a share of its slope, along a random line through a player's weights.

    What a gradient takes as constant rests: in training, spectral norms and penalties move what they remember at each pass.
    """
    for module in gan.train().modules():
        if isinstance(module, ParametrizationList | Penalty):
            module.eval()
    weights = list(getattr(gan, player).parameters())
    length = sum(weight.numel() for weight in weights) ** 0.5
    line = [torch.randn_like(weight) / length for weight in weights]
    terms, state = terms_of(gan, player), deepcopy(gan.state_dict())

    def at(shift: float) -> dict[str, Tensor]:
        gan.load_state_dict(state)  # norms have a memory
        with torch.no_grad():
            for weight, direction in zip(weights, line, strict=True):
                weight.add_(direction, alpha=shift)
        return terms()

    here = at(0)
    slopes = {name: slope(term, weights, line) for name, term in here.items()}
    ahead, behind = at(step), at(-step)
    gan.load_state_dict(state)
    measured = {name: (ahead[name] - behind[name]).item() / (2 * step) for name in here}
    return {n: abs(slopes[n] - m) / max(abs(m), 1e-6 * abs(here[n].item()), 1e-12) for n, m in measured.items()}


def slope(term: Tensor, weights: list[Tensor], line: list[Tensor]) -> float:
    """Of a scalar along a line, by its gradient; 0 where that is lost."""
    if not term.requires_grad:
        return 0.0
    found = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
    return sum(float((gradient * d).sum()) for gradient, d in zip(found, line, strict=True) if gradient is not None)


def terms_of(gan: GAN, player: str) -> Callable[[], dict[str, Tensor]]:
    """What a player descends on with its weights as they are, term by term: the same images and draws at each call.

    Every penalty is a term, due at this step or not.
    """
    data: Any = gan.trainer.datamodule  # type: ignore[attr-defined]  # `fit` sets it
    real, y = data.on_after_batch_transfer(data.collate([data.train_set[i] for i in range(data.batch_size)]), 0)
    real = real.to(gan.float_type)

    def context(player: Player) -> StepContext:
        torch.manual_seed(0)  # dropout and the like
        return gan.context(player, StepRNG(0))

    fake = gan.discriminator_batch(real, y, context("d")).fake

    def of_discriminator() -> dict[str, Tensor]:
        batch = gan.discriminator_batch(real, y, context("d"))
        batch.fake = fake  # where D has a part in making them, it does not descend along that
        return gan.discriminator_objective(batch) | {name: p(batch.logits, batch) for name, p in gan.named_penalties()}

    def of_generator() -> dict[str, Tensor]:
        return gan.generator_objective(gan.generator_batch(real, y, context("g")))

    return of_discriminator if player == "discriminator" else of_generator


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
        raise Violation(f"two processes do not train: {max(said, key=len).splitlines()[-1]}")
    first, second = (json.loads((folder / f"{rank}.json").read_text()) for rank in "01")
    if first != second:
        raise Violation(f"they differ after step {[a == b for a, b in zip(first, second, strict=True)].index(False) + 1}")
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
    cfg.callback.stop_condition.max_images = None
    runs = {"ours": step.ours(cfg), "plain": step.plain_loop(cfg)}
    speeds = step.measure(runs, cfg.benchmark.rounds, cfg.benchmark.steps, cfg.data.batch_size)
    return f"{step.ratio(speeds['ours'], speeds['plain']):.2f} times the speed of a plain loop"


INVARIANTS: dict[str, Invariant] = {
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
