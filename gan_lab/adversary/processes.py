"""Exchange between the processes that train one model together; with one process nothing happens."""

from collections.abc import Iterable

import torch
from torch import Tensor, distributed


def ranks() -> tuple[int, int]:
    """Return this process's rank, and how many processes there are."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def average(tensors: Iterable[Tensor]) -> None:
    """Replace tensors by their mean over the processes, in one exchange for each dtype."""
    _, world_size = ranks()
    for group, together in _joined(tensors):
        distributed.all_reduce(together)
        _write(group, together / world_size)


def make_equal(tensors: Iterable[Tensor]) -> None:
    """Give every process the first one's values."""
    for group, together in _joined(tensors):
        distributed.broadcast(together, 0)
        _write(group, together)


def _joined(tensors: Iterable[Tensor]) -> list[tuple[list[Tensor], Tensor]]:
    """Return the tensors by their dtype, and all of a dtype as one vector; nothing where there is one process."""
    if ranks()[1] == 1:
        return []
    groups: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.dtype, []).append(tensor.detach())
    return [(group, torch.cat([tensor.flatten() for tensor in group])) for group in groups.values()]


def _write(group: list[Tensor], together: Tensor) -> None:
    for tensor, values in zip(group, together.split([tensor.numel() for tensor in group]), strict=True):
        tensor.copy_(values.view_as(tensor))
