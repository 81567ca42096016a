from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from gan_lab import penalties
from gan_lab.errors import InputError
from gan_lab.model.base.networks import checked, reconfigure, with_own_parts
from gan_lab.training.build import build
from tests.tiny import fit, tiny


def stepped(make):
    """The state of an optimizer after a step."""
    net = nn.Linear(2, 1)
    optimizer = make(net.parameters())
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def test_a_new_configuration_wins_and_the_memory_stays():
    state = stepped(partial(Adam, lr=0.1))
    reconfigure(state, Adam(nn.Linear(2, 1).parameters(), lr=0.3, betas=(0.1, 0.2)))
    assert (state["param_groups"][0]["lr"], state["param_groups"][0]["betas"]) == (0.3, (0.1, 0.2))
    assert len(state["state"]) == 2


def test_a_new_augmentation_or_term_starts_as_made_and_one_left_out_is_dropped():
    stored = {"generator.w": 1, "penalties.lecam.sums": 2, "tricks.replay.n": 3}
    own = {"generator.w": 4, "augments.ada.p": 5, "tricks.replay.n": 6}
    assert with_own_parts(stored, own) == {"generator.w": 1, "augments.ada.p": 5, "tricks.replay.n": 3}


@pytest.mark.parametrize(
    "make",
    [
        partial(SGD, lr=0.1),
        lambda weights: Adam([{"params": [weight]} for weight in weights]),
    ],
    ids=["another class", "another grouping"],
)
def test_another_class_or_grouping_starts_without_a_memory(make):
    state = stepped(partial(Adam, lr=0.1))
    reconfigure(state, make(list(nn.Linear(2, 1).parameters())))
    assert state["state"] == {}


def test_a_part_that_is_no_subclass_is_refused_by_its_name():
    assert checked({"r1": penalties.R1(1.0)}, penalties.Penalty, "penalty").keys() == {"r1"}
    with pytest.raises(InputError, match=r"^penalty=mine is Linear, no Penalty: derive it from gan_lab\.penalties\.Penalty$"):
        checked({"mine": nn.Linear(1, 1)}, penalties.Penalty, "penalty")


def test_every_network_has_an_optimizer_a_record_and_a_limit_by_its_name():
    gan = fit(tiny("model=vae_gan", "+clip_grad_norm.e=1e-3", images=8))
    assert [network.name for network in gan.trained_networks()] == ["g", "d", "e"]
    assert [network.name for network in gan.networks_of("g")] == ["g", "e"]
    assert [gan.network_of(optimizer) for optimizer in gan.trainer.optimizers] == ["g", "d", "e"]
    held = {id(weight) for group in gan.optimizer_of("e").param_groups for weight in group["params"]}
    assert held == {id(weight) for weight in gan.encoder.parameters()}


def test_one_average_is_kept_of_g_alone():
    averages = {network.name: network.average is not None for network in build(tiny("model=infogan")).trained_networks()}
    assert averages == {"g": True, "d": False, "q": False}
