"""What a step takes stays what it is: memory over many steps, and the work for a batch over the size of the data."""

import gc

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gan_lab.benchmark.data import memory
from gan_lab.callback.stop_condition import StopCondition
from gan_lab.data.array import ArrayFile
from tests.tiny import TINY, train_into


@pytest.mark.slow
def test_memory_is_flat_over_three_thousand_steps(tmp_path, monkeypatch):
    seen, former = {}, StopCondition.on_train_batch_end

    def look(self, trainer, gan, *args):
        former(self, trainer, gan, *args)
        if gan.d_steps_done in (1000, 3000):
            gc.collect()
            tensors = sum(isinstance(each, torch.Tensor) for each in gc.get_objects())
            seen[gan.d_steps_done] = tensors, len(gc.get_objects()), memory()[1]

    monkeypatch.setattr(StopCondition, "on_train_batch_end", look)
    rarely = [f"{each}_every_images=100000" for each in ("val", "sample", "checkpoint")]
    train_into(tmp_path / "run", *TINY, *rarely, "model=gan", "metric=none", "penalty=lecam", "augment=ada", "max_images=12000")
    (tensors, objects, resident), (tensors_later, objects_later, resident_later) = seen[1000], seen[3000]
    assert tensors_later == tensors
    assert objects_later - objects < 2000  # less than one for each step
    assert resident_later - resident < 8 * 2**20


class Work(TorchDispatchMode):
    """Counts the numbers that torch's operations write; a view writes none."""

    written = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        given = {each.untyped_storage().data_ptr() for each in tree_leaves(args) if isinstance(each, torch.Tensor)}
        if isinstance(out, torch.Tensor) and out.untyped_storage().data_ptr() not in given:
            self.written += out.numel()
        return out


def work(path, n):
    """The numbers that are written for the first batch of an epoch, and for each of the next hundred, of n images in a file."""
    np.lib.format.open_memmap(path, "w+", np.uint8, (n, 1, 8, 8)).flush()
    data = ArrayFile(str(path), held_out_fraction=0.001, batch_size=4, seed=0)
    data.setup("fit")
    batches = iter(data.train_dataloader())
    with Work() as first:
        next(batches)
    with Work() as others:
        for _ in range(100):
            next(batches)
    return first.written, others.written / 100


def test_a_batch_of_a_million_images_takes_the_work_of_one_of_a_thousand(tmp_path):
    (small_start, small), (large_start, large) = work(tmp_path / "small.npy", 1000), work(tmp_path / "large.npy", 10**6)
    assert large == small
    assert large_start < 4 * 10**6  # the order of an epoch: a few numbers for each of its images, not the images
    assert large_start / 10**6 <= small_start / 1000
