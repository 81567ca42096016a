"""Optimizers that torch does not have."""

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Adam

from gan_lab.ranges import BelowOne, NonNegative

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic whose iteration drives singular values towards 1 (Jordan 2024)."""


class DeviceAdam(Adam):
    """Adam with learning rate and betas on the device: where a graph is replayed, they change between its replays.

    torch's own reads betas on the host. Nobody makes one: a captured step turns an optimizer into it by its class, for state
    and options are the same, and so are the steps but for rounding.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Step all weights that have a gradient."""
        loss = closure() if closure else None
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._step_group(weights, group)
        return loss

    def _step_group(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
        states = [self._state_of(weight) for weight in weights]
        gradients = [cast(Tensor, weight.grad) for weight in weights]
        steps, averages, squares = ([state[name] for state in states] for name in ("step", "exp_avg", "exp_avg_sq"))
        if decay:
            gradients = [*torch._foreach_add(gradients, weights, alpha=decay)]
        torch._foreach_add_(steps, 1)
        for means, values, beta in (
            (averages, gradients, beta1),
            (squares, [*torch._foreach_mul(gradients, gradients)], beta2),
        ):
            torch._foreach_mul_(means, beta)
            torch._foreach_add_(means, [*torch._foreach_mul(values, 1 - beta)])
        first, second = (_bias_corrections(steps, beta) for beta in (beta1, beta2))
        scales = torch._foreach_sqrt(torch._foreach_div(squares, second))
        torch._foreach_add_(scales, group["eps"])
        torch._foreach_mul_(scales, first)
        torch._foreach_sub_(weights, torch._foreach_mul(torch._foreach_div(averages, scales), lr))

    def _state_of(self, weight: Tensor) -> dict[str, Tensor]:
        state = self.state[weight]
        if not state:
            state |= {"step": torch.zeros((), device=weight.device)}
            state |= {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
        return state


def _bias_corrections(steps: list[Tensor], beta: Tensor) -> tuple[Tensor, ...]:
    """Return 1 - beta^step for each."""
    powers = torch._foreach_exp(torch._foreach_mul(steps, beta.log()))
    torch._foreach_neg_(powers)
    torch._foreach_add_(powers, 1)
    return powers


class MuonAdam(Adam):
    """Muon for weight matrices, Adam for all else (Jordan 2024, https://kellerjordan.github.io/posts/muon/).

    A convolution's weight (out, in, ...) is taken as a matrix with a row per output channel. `torch.optim.Muon` takes matrices
    alone and needs torch 2.9; on matrices, without weight decay, this is the same step.

    Args:
        params: weights of a network.
        lr: Adam's rate.
        betas: of Adam.
        muon_lr: Muon's rate: its step changes a matrix by a spectral norm of about this size.
        momentum: of Muon, in Nesterov's form.
        options: of `torch.optim.Adam`.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: NonNegative = 2e-4,
        betas: tuple[BelowOne, BelowOne] = (0.5, 0.999),
        muon_lr: NonNegative = 2e-3,
        momentum: BelowOne = 0.95,
        **options: Any,
    ) -> None:
        weights = list(params)
        groups: list[dict[str, Any]] = [
            {"params": [weight for weight in weights if weight.ndim < 2]},
            {"params": [weight for weight in weights if weight.ndim > 1], "lr": muon_lr, "momentum": momentum},
        ]
        super().__init__([group for group in groups if group["params"]], lr=lr, betas=betas, **options)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Step all weights that have a gradient."""
        matrices = [
            (weight, weight.grad, group) for group in self.param_groups if "momentum" in group for weight in group["params"]
        ]
        for weight, _, _ in matrices:
            weight.grad = None  # Adam leaves out what has no gradient
        loss = super().step(closure)
        for weight, gradient, group in matrices:
            weight.grad = gradient
            if gradient is not None:
                self._step_matrix(weight, gradient, group)
        return loss

    def _step_matrix(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:  # Adam expects a step count of every weight when a state is loaded
            state |= {"step": torch.tensor(0.0), "momentum_buffer": torch.zeros_like(gradient)}
        state["step"] += 1
        average = state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        direction = orthogonalize(gradient.lerp(average, group["momentum"]).flatten(1))
        rows, columns = direction.shape
        weight.sub_(direction.to(weight.dtype).view(weight.shape), alpha=group["lr"] * max(1, rows / columns) ** 0.5)


def orthogonalize(matrix: Tensor, steps: int = 5) -> Tensor:
    """Return U V^T, about, of a matrix U S V^T: its singular values are pulled to between 0.7 and 1.2, in bfloat16.

    Args:
        matrix: (rows, columns).
        steps: of the Newton-Schulz iteration.
    """
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16()
    x = x.T if len(matrix) > matrix.shape[1] else x  # the smaller of the two Gram matrices
    x = x / x.norm().clamp_min(1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if len(matrix) > matrix.shape[1] else x
