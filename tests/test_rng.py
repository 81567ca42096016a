import torch

from gan_lab.rng import SampleRNG, StepRNG, Stream, key, make_generator


def test_the_same_position_gives_the_same_numbers_and_another_gives_others():
    draws = [torch.randn(4, generator=make_generator(*position)) for position in [(0, 1), (0, 1), (0, 2), (1, 1), (0, 1, 0)]]
    torch.testing.assert_close(draws[0], draws[1], rtol=0, atol=0)
    assert all(not torch.equal(draws[0], other) for other in draws[2:])


def test_ranks_hold_the_rows_of_the_global_batch():
    whole = StepRNG(0, Stream.STEP, 7)
    ranks = [StepRNG(0, Stream.STEP, 7, rank=rank, world_size=2) for rank in range(2)]
    for _ in range(2):
        assert torch.equal(whole.normal(6, 3), torch.cat([rank.normal(3, 3) for rank in ranks]))
        assert torch.equal(whole.uniform(6), torch.cat([rank.uniform(3) for rank in ranks]))


def test_rows_do_not_depend_on_the_batch_they_are_drawn_in():
    together = SampleRNG(0, Stream.SAMPLE, indices=range(5)).normal(5, 3)
    apart = torch.cat([SampleRNG(0, Stream.SAMPLE, indices=[index]).normal(1, 3) for index in range(5)])
    assert torch.equal(together, apart)


def test_the_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    StepRNG(0, 1).normal(3, 3)
    SampleRNG(0, 1, indices=range(3)).uniform(3, 2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_keys_are_stable_across_versions():
    assert (key(0, 0, 0), key(1, 2, 3)) == (9169699564768075551, 1517167407554927345)
