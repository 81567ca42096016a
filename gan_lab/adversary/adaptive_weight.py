"""VQGAN's weight of the adversarial loss (Esser 2021, https://arxiv.org/abs/2012.09841, eq. 7)."""

import torch
from torch import Tensor, nn

from gan_lab.adversary import processes
from gan_lab.convolutions import gradients
from gan_lab.errors import InputError
from gan_lab.ranges import NonNegative, Positive


def gradient_ratio(reconstruction_loss: Tensor, gan_loss: Tensor, last_layer: Tensor, delta: float) -> Tensor:
    """Return |grad L_rec| / (|grad L_GAN| + delta) by the weight of G's last layer, a scalar without a gradient.

    Both gradients are means over the processes, so that each of them has the ratio of the whole batch.

    Raises:
        InputError: a loss does not depend on the weight.
    """
    both, options = [], {"create_graph": False, "retain_graph": True, "allow_unused": True}
    for name, loss in (("reconstruction_loss", reconstruction_loss), ("the fakes", gan_loss)):
        found = gradients(loss, last_layer, **options)[0] if loss.requires_grad else None
        if found is None:
            raise InputError(
                f"{name} did not come through last_layer: give the weight of the generator's last layer, such as "
                "decoder[-1].weight, and losses of what it has just made"
            )
        both.append(found.to(torch.promote_types(found.dtype, torch.float32)))
    processes.average(both)
    rec, gan = (gradient.norm() for gradient in both)
    return rec / (gan + delta)


class AdaptiveWeight(nn.Module):
    """factor * |grad L_rec| / (|grad L_GAN| + delta): the two losses pull equally hard at G's last layer.

    Where no gradient can be taken, as in validation, it is the weight of the last training step.

    Differs from the paper: delta is the authors' code's 1e-4, not the paper's 1e-6, and the ratio is bounded as in that code;
    0.8 is the factor of their configurations, where the formula has 1.

    Args:
        factor: of the ratio.
        delta: keeps the ratio finite.
        largest: bound of the ratio.
    """

    value: Tensor

    def __init__(self, factor: NonNegative = 0.8, delta: Positive = 1e-4, largest: Positive = 1e4) -> None:
        super().__init__()
        self.factor, self.delta, self.largest = factor, delta, largest
        self.register_buffer("value", torch.zeros(()))

    def forward(self, reconstruction_loss: Tensor, gan_loss: Tensor, last_layer: Tensor) -> Tensor:
        """Return the weight, a scalar without a gradient."""
        if torch.is_grad_enabled():
            ratio = gradient_ratio(reconstruction_loss, gan_loss, last_layer, self.delta)
            self.value.copy_(ratio.clamp(max=self.largest) * self.factor)
        return self.value.clone()
