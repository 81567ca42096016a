"""One process or several that judge together."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed
from torch.nn.utils.rnn import pad_sequence
from torchmetrics.utilities.distributed import gather_all_tensors

T = TypeVar("T")

LONGEST = timedelta(hours=6)
"""Others wait for the first process while it computes metrics; by default they give up after minutes."""


def process() -> tuple[int, int]:
    """Return rank and world size."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


@contextmanager
def processes(device: str) -> Iterator[None]:
    """Join the group of processes that torchrun started; alone without it."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=LONGEST)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def everyone(here: T) -> list[T]:
    """Return what all processes pass, by rank; each of them must call it."""
    answers: list[Any] = [here] * process()[1]
    if len(answers) > 1:
        distributed.all_gather_object(answers, here)
    return answers


def on_first(function: Callable[[], T]) -> T:
    """Call a function in the first process alone; return its result, or raise its error, in all."""
    rank, world_size = process()
    if world_size == 1:
        return function()
    outcome: list[Any] = [None, None]
    if rank == 0:
        try:
            outcome[0] = function()
        except Exception as error:  # whatever it is, the others must not wait for ever
            outcome[1] = error
    distributed.broadcast_object_list(outcome, 0)
    if outcome[1] is not None:
        raise outcome[1]
    result: T = outcome[0]
    return result


def gathered(rows: Tensor, n: int) -> Tensor:
    """Interleave rows that processes took in turn, and return the first ``n``; each of them must call it."""
    parts = [rows] if process()[1] == 1 else gather_all_tensors(rows)
    return pad_sequence(parts).flatten(0, 1)[:n]
