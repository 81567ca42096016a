"""A GAN under test: the runs that its invariants share, and the spy that watches what a step moves."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import lightning as L
import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from gan_lab.model.gan import GAN
from gan_lab.training import checkpoint
from gan_lab.training.short_run import trained


class Spy(L.Callback):
    """Wraps the four moves of a GAN.

    Attributes:
        moved: each move with the networks whose weights it changed.
        reals: images that D saw.
        latents: latents in the order in which they were drawn.
        faults: what a move left behind that it must not, in words.
    """

    MOVES = ("discriminator_gradient", "discriminator_step", "generator_gradient", "generator_step")

    def __init__(self) -> None:
        self.moved: list[tuple[str, set[str]]] = []
        self.reals: list[Tensor] = []
        self.latents: list[Tensor] = []
        self.faults: list[str] = []

    def on_fit_start(self, trainer: L.Trainer, gan: Any) -> None:
        """Wrap the moves, and the draw of latents."""
        weights = [weight for network in gan.networks_of("d") for weight in network.module.parameters()]
        self.learning = [weight for weight in weights if weight.requires_grad]
        for move in self.MOVES:
            setattr(gan, move, partial(self._watch, gan, move, getattr(gan, move)))
        draw = gan.latents
        gan.latents = lambda n, step: self._keep(draw(n, step))

    def _keep(self, z: Tensor) -> Tensor:
        self.latents.append(z.clone())
        return z

    def _watch(self, gan: GAN, name: str, move: Callable[..., None], *args: Any) -> None:
        if name == "discriminator_gradient":
            self.reals.append(args[0].clone())
        networks = with_weights(gan)
        before, gradients = weights_of(networks), {n: gradients_of(network) for n, network in networks.items()}
        move(*args)
        self.moved.append((name, {n for n, now in weights_of(networks).items() if not torch.equal(now, before[n])}))
        if name.startswith("discriminator"):
            for other in networks.keys() - own_networks(gan)["discriminator_step"]:
                if any(g is not b for g, b in zip(gradients_of(networks[other]), gradients[other], strict=True)):
                    self.faults.append(f"{name} leaves a gradient in the {other}: make D's fakes without one")
        if not all(weight.requires_grad for weight in self.learning):
            self.faults.append(f"{name} leaves the discriminator frozen")


def with_weights(gan: GAN) -> dict[str, nn.Module]:
    """Return the submodules that have weights, by name: networks, averages, copies that a trick keeps."""
    return {name: module for name, module in gan.named_children() if next(module.parameters(), None) is not None}


def weights_of(networks: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Return a copy of all weights of each network."""
    return {name: parameters_to_vector(network.parameters()).detach().clone() for name, network in networks.items()}


def gradients_of(network: nn.Module) -> list[Tensor | None]:
    """Return the gradients of a network's weights."""
    return [weight.grad for weight in network.parameters()]


def own_networks(gan: GAN) -> dict[str, set[str]]:
    """Return the networks that each player's step may move, by the weights that its optimizers hold."""
    own: dict[str, set[str]] = {"discriminator_step": set(), "generator_step": set()}
    for entry, optimizer in zip(gan.trained_networks(), gan.trainer.optimizers, strict=True):
        held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
        own["discriminator_step" if entry.player == "d" else "generator_step"] |= {
            name for name, network in with_weights(gan).items() if any(id(weight) in held for weight in network.parameters())
        }
    return own


class Snapshots(L.Callback):
    """Keeps a checkpoint ``N.ckpt`` of each of these numbers of images seen, as a killed run leaves one."""

    def __init__(self, folder: Path, images: Sequence[int]) -> None:
        self.folder, self.images = folder, images

    def on_train_batch_end(self, trainer: L.Trainer, gan: Any, *args: Any) -> None:
        """Save, if it is one of them."""
        if gan.images_seen in self.images:
            trainer.save_checkpoint(self.folder / f"{gan.images_seen}.ckpt")


class CheckedGAN:
    """A GAN under test, and the two runs that its invariants share.

    Args:
        cfg: the finished configuration of a run.
        folder: an empty one, for checkpoints.
    """

    STOPS = (5, 6, 7)
    """Steps of D with a checkpoint: before, at and after a validation."""
    VALIDATION: ClassVar[dict[str, Any]] = {"limit_val_batches": 1, "val_check_interval": 3}

    def __init__(self, cfg: DictConfig, folder: Path) -> None:
        self._cfg, self.folder = cfg, folder

    @property
    def cfg(self) -> DictConfig:
        """A copy of the configuration, which an invariant may change."""
        return deepcopy(self._cfg)

    @cached_property
    def run(self) -> tuple[GAN, Spy]:
        """The GAN after an undisturbed run, and its spy."""
        spy = Spy()
        return trained(self.cfg, spy, checkpoint.EmbedConfig(self.cfg, [])), spy

    @cached_property
    def validated(self) -> GAN:
        """The GAN after a run with validations, which left its checkpoints of `STOPS` in the folder."""
        return trained(self.cfg, Snapshots(self.folder, [self.images_at(steps) for steps in self.STOPS]), **self.VALIDATION)

    def images_at(self, steps: int) -> int:
        """Return the number of images seen after this many steps of D."""
        return steps * self._cfg.data.batch_size
