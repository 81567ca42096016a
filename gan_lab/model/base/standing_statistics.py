"""Standing statistics of BatchNorm (Brock 2019, section 4.1): those of many batches at G's present, or averaged, weights.

The running averages of training are those of weights that have changed since, and no batch of an averaged G is among them.
"""

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def has_any(network: nn.Module) -> bool:
    """Return whether a network keeps statistics."""
    return any(isinstance(module, _BatchNorm) for module in network.modules())


@torch.no_grad()
def recomputed(generator: nn.Module, inputs: Iterable[tuple[Tensor, Tensor | None]]) -> nn.Module:
    """Return a copy of G in evaluation mode, whose BatchNorm has the mean of the statistics of these batches (z, y)."""
    copy = deepcopy(generator).eval()
    weight = next(copy.parameters())
    norms = [module for module in copy.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over batches
        norm.train()
    with torch.autocast(weight.device.type, enabled=False):
        for z, y in inputs:
            copy(z.to(weight), y)
    return copy.eval()
