"""The order of the training samples: a function of the seed and the images seen, not of history."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from gan_lab.rng import Stream, make_generator


class EndlessBatches(Sampler[list[int]]):
    """Batches of sample numbers from an endless row of epochs, each a permutation of all samples.

    A batch takes up the row where the images seen so far end, and runs on across the end of an epoch: none is smaller, no
    sample is left out. A process takes its contiguous share of the global batch, as `noise.StepRNG` does.

    Args:
        num_samples: size of the data set.
        batch_size: of one process.
        seed: of the permutations.
        images_seen: asked at the start of each iteration; over all processes.
        rank: this process.
        world_size: number of processes.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        seed: int,
        images_seen: Callable[[], int] = lambda: 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.num_samples, self.batch_size, self.seed, self.images_seen = num_samples, batch_size, seed, images_seen
        self.rank, self.world_size = rank, world_size

    def __iter__(self) -> Iterator[list[int]]:
        """This process' batches, without end."""
        global_batch, first = self.batch_size * self.world_size, self.batch_size * self.rank
        epoch, offset = divmod(self.images_seen(), self.num_samples)
        ahead = self._permutation(epoch)[offset:]
        while True:
            while len(ahead) < global_batch:
                epoch += 1
                ahead = torch.cat([ahead, self._permutation(epoch)])
            yield ahead[first : first + self.batch_size].tolist()
            ahead = ahead[global_batch:]

    def _permutation(self, epoch: int) -> Tensor:
        return torch.randperm(self.num_samples, generator=make_generator(self.seed, Stream.ORDER, epoch))
