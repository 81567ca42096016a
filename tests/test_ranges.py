import pytest
import torch

from gan_lab.ranges import is_device


@pytest.mark.parametrize("name", ["", "gpu", "cuda:x", "cuda:99", "cpu:", "cpuu"])
def test_a_device_that_is_not_there_is_none(name):
    assert not is_device(name)


def test_the_cpu_is_a_device_and_a_gpu_where_torch_can_use_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert all(map(is_device, ["cpu", "cuda", "cuda:1"])) and not is_device("cuda:2")
