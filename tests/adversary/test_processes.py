"""The exchange between processes; two of them train one module."""

import pytest
import torch

from gan_lab.adversary import processes
from tests.adversary.host import Host, fit, pair


def test_one_process_has_nothing_to_exchange():
    x = torch.randn(3)
    before = x.clone()
    processes.average([x])
    processes.make_equal([x])
    assert torch.equal(x, before)
    assert processes.ranks() == (0, 1)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return pair(tmp_path_factory.mktemp("pair"))


@pytest.mark.slow
def test_two_processes_under_ddp_train_as_one_on_the_same_batches(two):
    one, (first, second) = fit(Host(), 8).state_dict(), two["plain"]
    for name, value in one.items():
        if torch.is_tensor(value):
            torch.testing.assert_close(first[name], value, rtol=0, atol=1e-9)
            assert torch.equal(first[name], second[name]), name
    counts = {key: first["adversary._extra_state"][key] for key in ("steps", "images_seen")}
    assert counts == {"steps": 8, "images_seen": 64}


@pytest.mark.slow
def test_batch_norm_leaves_both_processes_equal(two):
    first, second = two["norm"]
    assert first["adversary.discriminator.first.1.running_mean"].abs().sum() > 0
    for name, value in first.items():
        if torch.is_tensor(value) and "adversary.discriminator" in name:
            assert torch.equal(value, second[name]), name
