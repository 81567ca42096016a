"""Invariants of every GAN: functions `CheckedGAN` -> observation, which raise a `Violation` with the cause.

`gan_lab.check` runs them for one GAN, the tests for all.
"""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from omegaconf import DictConfig
from torch import Tensor, nn

from gan_lab import trust
from gan_lab.cli.words import count
from gan_lab.model.base import CLOCKS, Player
from gan_lab.model.gan import GAN
from gan_lab.training import checkpoint, distributed
from gan_lab.training.build import build
from gan_lab.training.capturable import Watch
from gan_lab.training.capture import stated
from gan_lab.training.checked_gan import CheckedGAN, own_networks
from gan_lab.training.gradcheck import slope_errors
from gan_lab.training.short_run import difference, trained

Invariant = Callable[[CheckedGAN], str]


class Violation(Exception):
    """An invariant that does not hold, with the cause."""


def require_equal(one: nn.Module, two: nn.Module, what: str) -> None:
    """Raise a `Violation` if the states of two modules differ."""
    if (name := difference(one, two)) is not None:
        raise Violation(f"{what}: {name} differs")


# ----- the order of the steps, and what each changes ---------------------------------------------------------------------


def separate_steps(checked: CheckedGAN) -> str:
    """Check that a step moves the weights of its own networks alone; the averages move after G's steps."""
    gan, spy = checked.run
    own = own_networks(gan)
    if spy.faults:
        raise Violation(spy.faults[0])
    if shared := own["discriminator_step"] & own["generator_step"]:
        raise Violation(f"the {min(shared)} has weights in both players' optimizers")
    for move, moved in spy.moved:
        if moved != own.get(move, set()):
            raise Violation(f"{move} moves {' and '.join(sorted(moved)) or 'nothing'}")
    return count(len(spy.moved), "move")


def fresh_data(checked: CheckedGAN) -> str:
    """Check that D's steps see fresh reals, that each of G's follows ``d_steps`` of them, and that no latents come twice."""
    cfg, (gan, spy) = checked.cfg, checked.run
    for name, batches in (("reals", spy.reals), ("latents", spy.latents)):
        rows = [tuple(row.flatten().tolist()) for batch in batches for row in batch]
        if name == "reals":
            rows = rows[: gan.trainer.datamodule.num_train]  # type: ignore[attr-defined]  # the next epoch has them again
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
    return f"{count(steps.count('d'), 'step')} of D, {steps.count('g')} of G"


# ----- a run is a function of its configuration ----------------------------------------------------------------------------


def same_seed(checked: CheckedGAN) -> str:
    """Check that the same seed gives the same weights, and another one others."""
    (first, _), other = checked.run, checked.cfg
    require_equal(first, trained(checked.cfg), "two runs of one seed")
    other.seed += 1
    if difference(first, trained(other)) is None:
        raise Violation("another seed gives the same weights")
    return "equal bit for bit"


def exact_resume(checked: CheckedGAN) -> str:
    """Check that a resumed run equals an undisturbed one, taken up before, at and after a validation."""
    whole, cfg = checked.validated, checked.cfg
    for steps in checked.STOPS:
        resumed = trained(cfg, ckpt_path=checked.folder / f"{checked.images_at(steps)}.ckpt", **checked.VALIDATION)
        if (name := difference(whole, resumed)) is not None:
            raise Violation(
                f"stopped after {count(steps, 'step')} of D and resumed: {name} differs{outside_buffers(build(cfg), whole)}"
            )
    return "equal bit for bit"


def outside_buffers(before: GAN, after: GAN) -> str:
    """Return a remark that names the attributes that training changed and no checkpoint holds, if there are any."""
    found = []
    for (name, old), new in zip(before.named_modules(), after.modules(), strict=False):
        saved = type(new).get_extra_state is not nn.Module.get_extra_state and new.get_extra_state()
        for key, value in vars(new).items():
            if (
                key[0] == "_"
                or key in (*CLOCKS, *(saved or ()))
                or not isinstance(value, int | float | str | Tensor | list | tuple)
            ):
                continue
            if not _same(getattr(old, key, None), value):
                found.append(f"{name}.{key}".lstrip("."))
    if not found:
        return ""
    return f"; state outside buffers: {', '.join(found)} (use register_buffer, or return it from get_extra_state)"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and (a == b or not isinstance(a, int | float | str))  # objects are made anew by each `build`


def same_samples(checked: CheckedGAN) -> str:
    """Check that a checkpoint, loaded alone, gives the samples of the run in [-1, 1], and another seed others."""
    gan, _ = checked.run
    checkpoint.save(gan.trainer, checked.folder / "samples.ckpt")
    loaded, _ = checkpoint.load(checked.folder / "samples.ckpt", trusted=trust.modules(checked.cfg))
    images = gan.sample(4)
    if not torch.equal(images, loaded.sample(4)):
        raise Violation("the samples of a checkpoint are not those of the run" + outside_buffers(build(checked.cfg), gan))
    if torch.equal(images, loaded.sample(4, seed=1)):
        raise Violation("another seed gives the same samples")
    expected = tuple(gan.trainer.datamodule.shape)  # type: ignore[attr-defined]  # `fit` sets it
    if images.shape[1:] != expected:
        raise Violation(f"samples are {_x(images.shape[1:])}, the data are {_x(expected)}")
    if len(expected) == 3 and expected[-1] > 1 and images.abs().max() > 1:
        raise Violation(f"samples reach {float(images.abs().max()):.3g}, beyond [-1, 1]")
    return _x(images.shape)


def _x(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def silent_validation(checked: CheckedGAN) -> str:
    """Check that validation changes nothing in training."""
    require_equal(checked.validated, checked.run[0], "a run with validation and one without")
    return "equal bit for bit"


def gradients(checked: CheckedGAN) -> str:
    """Check the gradient of each term of both objectives, each penalty included, against finite differences in float64."""
    cfg = checked.cfg
    cfg.trainer.precision = cfg.speed.precision = "64-true"
    gan, seen = trained(cfg), []
    players: dict[str, Player] = {"discriminator": "d", "generator": "g"}
    for name, player in players.items():
        errors = slope_errors(gan, player)
        for term, error in errors.items():
            if not error < 1e-3:
                raise Violation(f"the gradient of {term} in the {name}'s loss has a relative error of {error:.2g}")
        seen.append(f"{name} {max(errors.values()):.0e} ({', '.join(errors)})")
    return ", ".join(seen)


def capturable_steps(checked: CheckedGAN) -> str:
    """Check that steps of one kind are the same operations with the same numbers, as a GPU replays them."""
    watch = Watch(trusts_torch=True)
    if reason := next(stated(build(checked.cfg)), None):
        return f"eager: {reason}"
    trained(checked.cfg, watch)
    if obstacles := watch.obstacles():
        raise Violation(
            f"steps that a GPU replays would be wrong: {'; '.join(obstacles[:3])} (keep on the device what changes, or set "
            "runs_eagerly = 'REASON' in the class whose step this is)"
        )
    repeated = [len(steps) for steps in watch.steps.values() if len(steps) > 2]
    if not repeated:
        return "not shown: in so short a run no kind of step came three times"
    return f"{count(sum(repeated), 'step')} of {count(len(repeated), 'kind')} are the same operations"


# ----- two processes -------------------------------------------------------------------------------------------------------


def two_processes(checked: CheckedGAN) -> str:
    """Check that two processes have the same weights and statistics after every step."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    marks = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "NODE_RANK": "0"}
    command = distributed.own_command("gan_lab.check", [f"check.rank_folder={checked.folder}"])
    ranks = [
        subprocess.Popen(command, env=os.environ | marks | {"LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    errors = [rank.communicate(timeout=600)[1].strip() for rank in ranks]
    if any(rank.returncode for rank in ranks):
        raise Violation(f"two processes do not train: {max(errors, key=len).splitlines()[-1]}")
    first, second = (json.loads((checked.folder / f"{rank}.json").read_text()) for rank in "01")
    if first != second:
        raise Violation(f"they differ after step {[a == b for a, b in zip(first, second, strict=True)].index(False) + 1}")
    return f"equal after each of {count(len(first), 'step')}"


def train_as_rank(cfg: DictConfig, folder: Path) -> None:
    """Train as one of two processes, and write the sum of each weight and statistic after every step."""
    sums: list[list[float]] = []

    class Sums(L.Callback):
        """Keeps the sums."""

        def on_train_batch_end(self, trainer: L.Trainer, gan: L.LightningModule, *args: Any) -> None:
            sums.append([t.double().sum().item() for t in (*gan.parameters(), *gan.buffers()) if t.is_floating_point()])

    trained(cfg, Sums(), strategy="ddp_find_unused_parameters_true", devices=2)
    (folder / f"{os.environ['LOCAL_RANK']}.json").write_text(json.dumps(sums))


INVARIANTS: dict[str, Invariant] = {
    "steps": separate_steps,
    "data": fresh_data,
    "seed": same_seed,
    "resume": exact_resume,
    "samples": same_samples,
    "validation": silent_validation,
    "gradients": gradients,
    "capture": capturable_steps,
    "processes": two_processes,
}
"""By the names that ``gan_lab.check only=NAME`` takes."""
