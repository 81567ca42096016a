from itertools import groupby, islice

import pytest

from gan_lab.data.sampler import EndlessBatches, ShardBatches

N = 10


def take(count, **settings):
    batches = EndlessBatches(**{"num_samples": N, "batch_size": 4, "seed": 0} | settings)
    return list(islice(batches, count))


def flat(batches):
    return [index for batch in batches for index in batch]


def test_each_epoch_is_another_permutation():
    order = flat(take(15))  # 60 samples: six epochs, with batches across their ends
    epochs = [order[start : start + N] for start in range(0, 60, N)]
    assert all(sorted(epoch) == list(range(N)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) == 6


def test_seeds_differ():
    assert take(3, seed=0) != take(3, seed=1)


@pytest.mark.parametrize("images_seen", range(0, 32, 4))
def test_starts_anywhere(images_seen):
    assert take(5, images_seen=lambda: images_seen) == take(13)[images_seen // 4 : images_seen // 4 + 5]


def test_another_batch_size_goes_on_with_the_same_order():
    assert flat(take(4, batch_size=3, images_seen=lambda: 8)) == flat(take(5))[8:]


def test_asks_for_the_position_at_each_iteration():
    clock = [0]
    batches = EndlessBatches(N, 4, 0, lambda: clock[0])
    first = list(islice(batches, 2))
    clock[0] = 4
    assert next(iter(batches)) == first[1]


def test_the_ranks_rows_are_one_process_batch():
    ranks = [take(9, batch_size=2, rank=rank, world_size=2) for rank in range(2)]
    assert [a + b for a, b in zip(*ranks, strict=True)] == take(9, batch_size=4)


def test_a_global_batch_may_span_epochs():
    ranks = [take(4, batch_size=5, rank=rank, world_size=5) for rank in range(5)]
    assert flat(map(flat, zip(*ranks, strict=True))) == flat(take(25))


def test_has_no_length():
    with pytest.raises(TypeError):
        len(EndlessBatches(N, 4, 0))


LENGTHS = (4, 6, 2, 5, 3)


def walk(count, streams=2, **settings):
    return list(islice(ShardBatches(LENGTHS, streams, **{"batch_size": 4, "seed": 0} | settings), count))


@pytest.mark.parametrize("streams", [1, 2, 4])
def test_each_stream_has_whole_shards_in_its_own_random_order(streams):
    batches = walk(40, streams)
    own = [flat(batch[stream * 4 // streams : (stream + 1) * 4 // streams] for batch in batches) for stream in range(streams)]
    shard_of = [shard for shard, length in enumerate(LENGTHS) for _ in range(length)]
    for order in own:
        shards = [(shard, [*numbers]) for shard, numbers in groupby(order, lambda n: shard_of[n])]
        for shard, numbers in shards[:-1]:
            assert len(numbers) % LENGTHS[shard] == 0  # twice, where it ends an epoch and begins the next
            assert set(numbers) == {n for n, each in enumerate(shard_of) if each == shard}
    assert set(flat(own)) == set(range(sum(LENGTHS)))
    assert walk(5, streams, seed=1) != batches[:5]


@pytest.mark.parametrize("images_seen", range(0, 80, 4))
def test_a_walk_starts_anywhere(images_seen):
    assert walk(5, images_seen=lambda: images_seen) == walk(25)[images_seen // 4 : images_seen // 4 + 5]


def test_the_processes_share_the_streams():
    ranks = [walk(9, batch_size=2, rank=rank, world_size=2) for rank in range(2)]
    assert [a + b for a, b in zip(*ranks, strict=True)] == walk(9)
