"""Gradients of every term of both players' objectives against finite differences."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor
from torch.nn.utils.parametrize import ParametrizationList

from gan_lab.model.base import Player
from gan_lab.model.batch import StepContext
from gan_lab.model.gan import GAN
from gan_lab.rng import StepRNG


def slope_errors(gan: GAN, player: Player, step: float = 1e-6) -> dict[str, float]:
    """Return the relative error of each term's gradient along a random line through a player's weights.

    Spectral norms, and all that is no trained network, augmentation or trick, are in evaluation mode: in training penalties and
    the like update, at each pass, what a gradient holds constant, or give a loss another gradient than its own.

    Args:
        gan: in float64.
        player: "d" or "g".
        step: of the finite difference.
    """
    in_training = [gan.augments, gan.tricks, *(network.module for network in gan.trained_networks())]
    for child in gan.train().children():
        if child not in in_training:
            child.eval()
    for module in gan.modules():
        if isinstance(module, ParametrizationList):
            module.eval()
    network = gan.discriminator if player == "d" else gan.generator
    weights = [weight for weight in network.parameters() if weight.requires_grad]
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
    """Return the slope of a scalar along a line by its gradient; 0 where that is lost."""
    if not term.requires_grad:
        return 0.0
    found = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
    return sum(float((gradient * d).sum()) for gradient, d in zip(found, line, strict=True) if gradient is not None)


def terms_of(gan: GAN, player: Player) -> Callable[[], dict[str, Tensor]]:
    """Return a function that computes all terms of a player's objective, on the same images and draws at each call.

    Every penalty is a term, due at this step or not.
    """
    real, y = gan.trainer.datamodule.first_batch()  # type: ignore[attr-defined]  # `fit` sets it
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

    return of_discriminator if player == "d" else of_generator
