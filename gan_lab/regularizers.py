"""What is added to G's loss: modules (generator, batch) -> scalar."""

import torch
from torch import Tensor, nn

from gan_lab.batch import Batch
from gan_lab.schedules import Schedule, value


class L2(nn.Module):
    """``weight`` times the sum of the squares of all of G's weights."""

    def __init__(self, weight: float | Schedule) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, generator: nn.Module, batch: Batch) -> Tensor:
        """The term of this step, a scalar."""
        squares = torch.stack([parameter.square().sum() for parameter in generator.parameters()])
        return value(self.weight, batch.images_seen) * squares.sum()
