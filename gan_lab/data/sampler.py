"""The order of training samples, a function of the seed and the images seen, so that a resumed run continues exactly."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, count, islice

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


class ShardBatches(Sampler[list[int]]):
    """Batches of sample indices that walk through shards, so that a process reads few of them at a time.

    Streams walk at once, each in endless epochs: seed and epoch shuffle the shards, deal them out to the streams, and shuffle
    the samples within each shard. A global batch takes as many samples of each stream; a process has the batches of its
    own streams, and so opens no shards but theirs. The global batches do not depend on the number of processes.

    Args:
        lengths: samples in each shard, which are numbered one after another.
        streams: their number, a multiple of that of the processes; it divides the global batch and is at most that of shards.
        batch_size: samples per process.
        seed: seed of the order.
        images_seen: returns the images seen over all processes; called at the start of each iteration.
        rank: rank of this process.
        world_size: number of processes.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        streams: int,
        batch_size: int,
        seed: int,
        images_seen: Callable[[], int] = lambda: 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.lengths, self.streams, self.batch_size, self.seed = list(lengths), streams, batch_size, seed
        self.images_seen, self.rank, self.world_size = images_seen, rank, world_size
        self.starts = [0, *accumulate(self.lengths)]

    def __iter__(self) -> Iterator[list[int]]:
        """Yield this process's batches, without end."""
        own = self.streams // self.world_size
        skip, each = self.images_seen() // self.streams, self.batch_size // own
        walks = [self._walk(stream, skip) for stream in range(self.rank * own, (self.rank + 1) * own)]
        while True:
            yield [index for walk in walks for index in islice(walk, each)]

    def _walk(self, stream: int, skip: int) -> Iterator[int]:
        """Yield the samples of one stream behind its first ``skip``."""
        for shard, epoch in self._shards(stream):
            if skip >= self.lengths[shard]:
                skip -= self.lengths[shard]
                continue
            order = torch.randperm(self.lengths[shard], generator=make_generator(self.seed, Stream.ORDER, epoch, shard))
            yield from (self.starts[shard] + order[skip:]).tolist()
            skip = 0

    def _shards(self, stream: int) -> Iterator[tuple[int, int]]:
        """Yield the shards of one stream, each with its epoch."""
        for epoch in count():
            order = torch.randperm(len(self.lengths), generator=make_generator(self.seed, Stream.ORDER, epoch))
            yield from ((shard, epoch) for shard in order[stream :: self.streams].tolist())


def shuffled(n: int) -> list[int]:
    """Return the indices below ``n`` in a fixed random order, whatever the seed of the run."""
    return torch.randperm(n, generator=make_generator(0, Stream.ORDER)).tolist()
