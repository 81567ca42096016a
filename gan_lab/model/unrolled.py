"""Unrolled GAN (Metz 2017, https://arxiv.org/abs/1611.02163)."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import softplus
from torch.optim import SGD, Adam, Optimizer

from gan_lab.convolutions import TwiceDifferentiable, gradients
from gan_lab.errors import InputError
from gan_lab.model.batch import Batch, Discriminate, StepContext
from gan_lab.model.gan import GAN
from gan_lab.ranges import Whole

State = dict[str, Tensor]
EXTRAS = ("amsgrad", "maximize", "nesterov", "weight_decay", "dampening")
TINY = 1e-24  # far below the square of Adam's eps


class UnrolledGAN(GAN):
    """G descends on the loss of the D that ``unroll_steps`` steps of D's optimizer would give (eq. 9 to 11).

    The steps are differentiable, so that G also feels how D would answer its move. They go from D's weights, BatchNorm
    statistics and Adam's memory as these are, on this batch, and change none of them.

    Differs from the paper: nothing known; as in its code, all steps see the same batch, and Adam is unrolled as it is. The
    steps ahead are on D's loss alone, without penalties and what tricks add to it, of which the paper has none.

    Args:
        args: see `GANModule`.
        unroll_steps: D's steps ahead; 0 is `GAN`.
        kwargs: see `GANModule`.
    """

    batch_dependent = True

    def __init__(self, *args: Any, unroll_steps: Whole = 5, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unroll_steps = unroll_steps

    def generator_batch(self, real: Tensor, y: Tensor | None, step: StepContext) -> Batch:
        """Return the batch as the unrolled D sees it."""
        batch = super().generator_batch(real, y, step)
        return replace(batch, logits=self.unrolled(batch), features=None, head=None) if self.unroll_steps else batch

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return the whole value of the game (eq. 11): G's fakes moved the unrolled D, so the reals' half has a gradient."""
        loss = super().generator_loss(batch)
        return loss - softplus(-batch.real_logits).mean() if self.unroll_steps else loss

    def unrolled(self, batch: Batch) -> Discriminate:
        """Return D after its steps on this batch, as a function of images and labels."""
        discriminator = batch.step.discriminator
        learning = {name: weight for name, weight in discriminator.named_parameters() if name not in self.frozen_weights}
        weights = {name: weight.detach().requires_grad_() for name, weight in learning.items()}
        buffers = {name: buffer.clone() for name, buffer in discriminator.named_buffers()}
        optimizer = FunctionalOptimizer(self.optimizer_of("d"), learning)

        def logits(images: Tensor, y: Tensor | None) -> Tensor:
            seen = self.augmented(images, batch.step)
            return functional_call(discriminator, weights | buffers, (seen, y)).to(images.dtype)

        for _ in range(self.unroll_steps):
            with TwiceDifferentiable():
                loss = self.discriminator_loss(replace(batch, logits=logits, features=None, head=None))
            slopes = gradients(loss, *weights.values())
            weights = optimizer.step(weights, dict(zip(weights, slopes, strict=True)))
        return logits


class FunctionalOptimizer:
    """Differentiable steps of Adam or SGD from an optimizer's state, which they do not change.

    Args:
        optimizer: of these parameters.
        parameters: by name.
    """

    def __init__(self, optimizer: Optimizer, parameters: State) -> None:
        extras = [name for name in EXTRAS if any(group.get(name) for group in optimizer.param_groups)]
        if type(optimizer) not in (Adam, SGD) or extras:
            what = type(optimizer).__name__ + "".join(f" with {name}" for name in extras)
            raise InputError(
                f"model=unrolled can take Adam's or SGD's steps ahead, and not those of {what}: use optimizer=adam"
            )
        self.direction = self._adam if isinstance(optimizer, Adam) else self._sgd
        groups = {id(parameter): group for group in optimizer.param_groups for parameter in group["params"]}
        self.groups = {name: groups.get(id(weight), optimizer.param_groups[0]) for name, weight in parameters.items()}
        self.memory = {name: dict(optimizer.state.get(parameter, {})) for name, parameter in parameters.items()}

    def step(self, weights: State, gradients: State) -> State:
        """Return the weights after one more step."""
        return {
            name: weight - group["lr"] * self.direction(group, self.memory[name], gradients[name])
            for (name, weight), group in zip(weights.items(), self.groups.values(), strict=True)
        }

    def _sgd(self, group: dict[str, Any], memory: dict[str, Any], gradient: Tensor) -> Tensor:
        former = memory.get("momentum_buffer")
        memory["momentum_buffer"] = gradient if former is None else group["momentum"] * former + gradient
        return memory["momentum_buffer"]

    def _adam(self, group: dict[str, Any], memory: dict[str, Any], gradient: Tensor) -> Tensor:
        """Return Adam's direction (Kingma & Ba 2015, algorithm 1); the root has a finite slope at a gradient of 0."""
        (b1, b2), none = group["betas"], torch.zeros_like(gradient)
        step = memory["step"] = torch.as_tensor(memory.get("step", 0), dtype=torch.float64) + 1
        mean = memory["exp_avg"] = b1 * memory.get("exp_avg", none) + (1 - b1) * gradient
        square = memory["exp_avg_sq"] = b2 * memory.get("exp_avg_sq", none) + (1 - b2) * gradient.square()
        return mean / (1 - b1**step) / ((square / (1 - b2**step) + TINY).sqrt() + group["eps"])
