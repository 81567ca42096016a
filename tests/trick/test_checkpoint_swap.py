from copy import deepcopy

import lightning as L
import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.training.build import build
from gan_lab.trick.checkpoint_swap import CheckpointSwap
from tests.tiny import context, fit, tiny

SWAP = ["trick=checkpoint_swap", "trick.checkpoint_swap.interval=4", "trick.checkpoint_swap.steps=2"]


class Watch(L.Callback):
    """Notes who made D's fakes and who scored G's, at each step, and what the networks and their optimizers were before it."""

    def __init__(self):
        self.made, self.scored, self.before, self.after = [], [], [], []

    def on_fit_start(self, trainer, gan):
        make, loss = gan.fakes, gan.generator_loss
        gan.fakes = lambda z, y, step: self.made.append(deepcopy(step.generator)) or make(z, y, step)
        gan.generator_loss = lambda batch: self.scored.append(deepcopy(batch.step.discriminator)) or loss(batch)

    def on_train_batch_start(self, trainer, gan, *args):
        self.before.append(deepcopy((gan.generator, gan.discriminator, gan.generator_ema)))

    def on_train_batch_end(self, trainer, gan, *args):
        self.after.append([sums(optimizer) for optimizer in trainer.optimizers])


def sums(optimizer):
    return [state["exp_avg"].sum().item() for state in optimizer.state.values()]


def parameters(network):
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


@pytest.fixture(scope="module")
def watched():
    watch = Watch()
    return fit(tiny("model=gan", "network.generator.norm=none", *SWAP), watch), watch


def equal(a, b):
    return torch.equal(parameters(a), parameters(b))


def test_ds_fakes_are_made_by_the_copied_g_in_the_end_of_every_other_interval(watched):
    _, watch = watched
    first = [each[0] for each in watch.before]
    makers = watch.made[::2]  # D's step comes first, then G's own fakes
    old = {2: 0, 3: 0, 10: 8, 11: 8}  # step -> of which step the copy is
    for step in range(12):
        assert equal(makers[step], first[old.get(step, step)])
        assert equal(watch.made[1::2][step], first[step])  # G learns by its own fakes always


def test_gs_fakes_are_scored_by_the_copied_d_in_the_end_of_the_others(watched):
    gan, watch = watched
    d = [each[1] for each in watch.before]
    own = [*d[1:], gan.discriminator]  # G steps after D
    for step in range(12):
        assert equal(watch.scored[step], d[4] if step in (6, 7) else own[step])


def test_networks_and_moments_go_on_in_that_time_and_the_copy_rests(watched):
    gan, watch = watched
    for step in range(1, 12):
        for network in (0, 1):
            assert not equal(watch.before[step][network], watch.before[step - 1][network])
            assert watch.after[step][network] != watch.after[step - 1][network]
    assert all(weight.grad is None and not weight.requires_grad for weight in gan.tricks.parameters())


def test_the_copies_are_those_of_the_last_end_of_an_interval(watched):
    gan, _ = watched
    past = gan.tricks["checkpoint_swap"].past
    assert equal(past["g"], gan.generator)  # after 12 steps
    assert equal(past["d"], gan.discriminator)


def test_in_its_turn_the_copy_stands_in_the_context_of_the_adversarys_step_alone():
    gan = build(tiny("model=gan", *SWAP))
    past = gan.tricks["checkpoint_swap"].past
    gan.d_steps_done = 2
    assert context(gan, "d").generator is past["g"] and context(gan, "d").discriminator is gan.discriminator
    assert context(gan, "g").generator is gan.generator and context(gan, "g").discriminator is gan.discriminator


def test_a_run_shorter_than_its_first_turn_is_as_without():
    a, b = (fit(tiny("model=hinge", *options, images=8)) for options in (SWAP, []))
    assert equal(a.generator, b.generator)
    assert equal(a.discriminator, b.discriminator)


def test_labels_go_to_the_copies_too():
    gan, labels = build(tiny("model=cgan", *SWAP)), []
    for copy in gan.tricks["checkpoint_swap"].past.values():
        copy.register_forward_hook(lambda module, inputs, output: labels.append(inputs[1]))
        if hasattr(copy, "features"):
            features = copy.features
            copy.features = lambda x, y=None, features=features: labels.append(y) or features(x, y)
    fit(tiny("model=cgan", *SWAP), gan=gan)
    assert len(labels) == 4 + 2  # fakes of the copied G in two turns of 2 steps, and the copied D's view of fakes in one
    assert all(len(y) == 4 for y in labels)


def test_a_turn_is_no_longer_than_its_interval():
    with pytest.raises(InputError, match=r"checkpoint_swap\.steps=5 is invalid: give a number from 1 to interval=4"):
        CheckpointSwap(4, 5)
    with pytest.raises(InputError, match="steps=0"):
        CheckpointSwap(4, 0)
