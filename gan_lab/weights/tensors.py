"""Read the tensors of a published network: their shapes, and filters that are stored beside the weights."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.network.equalized import FIR


def shape_of(state: Mapping[str, Tensor], name: str, ndim: int) -> torch.Size:
    """Return the shape of a tensor; refuse a state dict without one of this name and number of dimensions."""
    if name not in state or state[name].ndim != ndim:
        raise InputError(f"it has no {name} of {ndim} dimensions, but {', '.join([*state][:3])}, ...")
    return state[name].shape


def without_filters(state: Mapping[str, Tensor], suffix: str) -> dict[str, Tensor]:
    """Return all but the resampling filters, which gan_lab's networks compute; refuse others than the binomial `FIR`."""
    row = torch.tensor(FIR) / sum(FIR)
    for name, value in state.items():
        if name.endswith(suffix) and (value.shape != (4, 4) or not torch.allclose(value.float(), torch.outer(row, row))):
            raise InputError(f"its {name} is not the filter [1, 3, 3, 1], and gan_lab's network has no other")
    return {name: value for name, value in state.items() if not name.endswith(suffix)}
