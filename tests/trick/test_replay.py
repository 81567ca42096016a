import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.model.base import Engine
from gan_lab.rng import StepRNG
from gan_lab.training.build import build
from tests.tiny import fit, tiny

BATCH = 4


@pytest.fixture
def gan():
    return build(tiny("model=gan", "network.generator.width=[4]", "trick=replay", "trick.replay.size=17"))


def play(gan, steps, first=0):
    """Fakes that bear the number of their step, and what D saw of them: (steps, BATCH)."""
    seen = []
    gan.engine = Engine(gan)
    for step in range(first, first + steps):
        fake = torch.full((BATCH, 1, 8, 8), float(step))
        seen.append(gan.tricks["replay"].fakes(fake, StepRNG(0, step))[:, 0, 0, 0])
        gan.tricks["replay"].after_step(gan)
    return torch.stack(seen)


def test_fresh_fakes_are_shown_until_there_is_no_room_for_another_batch(gan):
    seen = play(gan, 5)
    assert torch.equal(seen[:4], torch.arange(4.0)[:, None].expand(4, BATCH))
    assert gan.tricks["replay"].filled == 16
    assert (seen[4] < 4).any()


def test_then_a_share_of_them_changes_places_with_old_ones_so_that_none_is_lost(gan):
    seen = play(gan, 4)
    for step in range(4, 40):
        before = gan.tricks["replay"].past[:16, 0, 0, 0].tolist()
        seen = play(gan, 1, step)[0].tolist()
        after = gan.tricks["replay"].past[:16, 0, 0, 0].tolist()
        assert sorted([*before, *[float(step)] * BATCH]) == sorted([*after, *seen])


@pytest.mark.parametrize("share", [0.0, 0.25, *(pytest.param(share, marks=pytest.mark.slow) for share in (0.5, 1.0))])
def test_the_share_of_old_fakes_is_as_asked_and_their_age_as_it_says(gan, share):
    gan.tricks["replay"].share = share
    seen = play(gan, 2004)[4:]
    age = torch.arange(4.0, 2004)[:, None] - seen
    assert (age > 0).float().mean() == pytest.approx(share, abs=0.02)
    if share:
        assert age[age > 0].mean() == pytest.approx(16 / (BATCH * share), rel=0.1)


def test_the_batch_keeps_its_size_and_carries_no_gradient(gan):
    assert {tuple(row.shape) for row in play(gan, 20)} == {(BATCH,)}
    trained = fit(tiny("model=gan", "trick=replay", "trick.replay.size=8"))
    assert not trained.tricks["replay"].past.requires_grad
    assert trained.tricks["replay"].past.std() > 0


def test_the_memory_is_in_the_state_and_points_stay_what_they_are():
    gan = fit(tiny("model=gan", "data=gaussians", "data.batch_size=4", "trick=replay", "trick.replay.size=8"))
    state = gan.state_dict()
    assert state["tricks.replay.past"].shape == (8, 2, 1, 1)
    assert state["tricks.replay.past"].dtype == torch.float32
    assert state["tricks.replay._extra_state"] == {"filled": 8}
    fresh = build(tiny("model=gan", "data=gaussians", "data.batch_size=4", "trick=replay", "trick.replay.size=8"))
    fresh.load_state_dict(state)
    assert torch.equal(fresh.tricks["replay"].past, gan.tricks["replay"].past)
    assert fresh.tricks["replay"].filled == 8


@pytest.mark.parametrize("model", ["cgan", "projection", "infogan"])
def test_a_conditional_model_is_refused_with_what_works(model):
    options = ["network=resnet"] if model == "projection" else []
    with pytest.raises(InputError, match=r"trick=replay .* use a model without, or trick=checkpoint_swap"):
        build(tiny(f"model={model}", *options, "trick=replay"))


def test_a_memory_of_less_than_two_batches_is_refused_with_the_least_that_works():
    with pytest.raises(InputError, match=r"trick\.replay\.size=7 is less than two batches: give at least 8"):
        fit(tiny("model=gan", "trick=replay", "trick.replay.size=7"))
    fit(tiny("model=gan", "trick=replay", "trick.replay.size=8", images=8))


def test_a_share_is_from_0_to_1():
    with pytest.raises(Exception, match="share=2 is no share"):
        build(tiny("model=gan", "trick=replay", "trick.replay.share=2"))
