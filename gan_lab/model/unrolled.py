"""Unrolled GAN (Metz 2017, https://arxiv.org/abs/1611.02163)."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import softplus
from torch.optim import SGD, Adam, Optimizer

from gan_lab.errors import InputError
from gan_lab.model.batch import Batch, Score
from gan_lab.model.gan import GAN

State = dict[str, Tensor]
TINY = 1e-24  # far below the square of Adam's eps


class UnrolledGAN(GAN):
    """G looks ahead: its loss is that of the D which ``unroll_steps`` steps of D's optimizer would make (eq. 9 to 11).

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

    def __init__(self, *args: Any, unroll_steps: int = 5, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unroll_steps = unroll_steps

    def generator_batch(self, real: Tensor, y: Tensor | None) -> Batch:
        """The batch as the D to come scores it."""
        batch = super().generator_batch(real, y)
        return replace(batch, score=self.score_ahead(batch), features=None) if self.unroll_steps else batch

    def generator_loss(self, batch: Batch) -> Tensor:
        """The whole value of the game (eq. 11): G's fakes have moved the D to come, so that the reals' half has a slope too."""
        loss = super().generator_loss(batch)
        return loss - softplus(-batch.real_logits).mean() if self.unroll_steps else loss

    def score_ahead(self, batch: Batch) -> Score:
        """D after its steps on this batch."""
        weights = {name: weight.detach().requires_grad_() for name, weight in self.discriminator.named_parameters()}
        buffers = {name: buffer.clone() for name, buffer in self.discriminator.named_buffers()}
        ahead = FunctionalOptimizer(self.all_optimizers[1].optimizer, dict(self.discriminator.named_parameters()))

        def score(images: Tensor, y: Tensor | None) -> Tensor:
            state = weights | buffers
            return functional_call(self.discriminator, state, (self.augmented(images), y)).to(images.dtype)

        for _ in range(self.unroll_steps):
            loss = self.discriminator_loss(replace(batch, score=score, features=None))
            gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=True)
            weights = ahead.step(weights, dict(zip(weights, gradients, strict=True)))
        return score


class FunctionalOptimizer:
    """Differentiable steps of Adam or SGD from where an optimizer stands; the optimizer itself does not move.

    Args:
        optimizer: of these parameters.
        parameters: by name.
    """

    def __init__(self, optimizer: Optimizer, parameters: State) -> None:
        self.group = optimizer.param_groups[0]
        extras = [name for name in ("amsgrad", "maximize", "nesterov", "weight_decay", "dampening") if self.group.get(name)]
        if type(optimizer) not in (Adam, SGD) or extras:
            what = type(optimizer).__name__ + "".join(f" with {name}" for name in extras)
            raise InputError(
                f"model=unrolled can take Adam's or SGD's steps ahead, and not those of {what}: use optimizer=adam"
            )
        self.move = self._adam if isinstance(optimizer, Adam) else self._sgd
        self.memory = {name: dict(optimizer.state.get(parameter, {})) for name, parameter in parameters.items()}

    def step(self, weights: State, gradients: State) -> State:
        """The weights after one more step."""
        return {
            name: weight - self.group["lr"] * self.move(self.memory[name], gradients[name]) for name, weight in weights.items()
        }

    def _sgd(self, memory: dict[str, Any], gradient: Tensor) -> Tensor:
        former = memory.get("momentum_buffer")
        memory["momentum_buffer"] = gradient if former is None else self.group["momentum"] * former + gradient
        return memory["momentum_buffer"]

    def _adam(self, memory: dict[str, Any], gradient: Tensor) -> Tensor:
        """Kingma & Ba 2015, algorithm 1; the root has a finite slope at a gradient of 0."""
        (b1, b2), none = self.group["betas"], torch.zeros_like(gradient)
        step = memory["step"] = torch.as_tensor(memory.get("step", 0), dtype=torch.float64) + 1
        mean = memory["exp_avg"] = b1 * memory.get("exp_avg", none) + (1 - b1) * gradient
        square = memory["exp_avg_sq"] = b2 * memory.get("exp_avg_sq", none) + (1 - b2) * gradient.square()
        return mean / (1 - b1**step) / ((square / (1 - b2**step) + TINY).sqrt() + self.group["eps"])
