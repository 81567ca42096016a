"""The order of training samples, a function of the seed and the images seen, so that a resumed run continues exactly."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from gan_lab.rng import Stream, make_generator


class EndlessBatches(Sampler[list[int]]):
    """Batches of sample indices from an endless sequence of epochs, each a permutation of all samples.

    The sequence starts at the images seen so far. A batch may cross the end of an epoch, so all batches are full and no
    sample is dropped. Each process takes its contiguous share of the global batch, as in `gan_lab.rng.StepRNG`.

    Args:
        num_samples: size of the data set.
        batch_size: samples per process.
        seed: seed of the permutations.
        images_seen: returns the images seen over all processes; called at the start of each iteration.
        rank: rank of this process.
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
        """Yield this process's batches, without end."""
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


def shuffled(n: int) -> list[int]:
    """Return the indices below ``n`` in a fixed random order, whatever the seed of the run."""
    return torch.randperm(n, generator=make_generator(0, Stream.ORDER)).tolist()
