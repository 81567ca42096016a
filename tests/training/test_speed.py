import lightning as L
import pytest
import torch
from omegaconf import OmegaConf

from gan_lab.training.speed import backends
from tests.tiny import TINY, train_into


def state():
    cudnn = torch.backends.cudnn
    return cudnn.benchmark, cudnn.allow_tf32, torch.get_float32_matmul_precision()


@pytest.mark.parametrize("speed, within", [
    ({"cudnn_benchmark": True, "tf32": True}, (True, True, "high")),
    ({"cudnn_benchmark": False, "tf32": False}, (False, False, "highest")),
    ({"cudnn_benchmark": False, "tf32": None}, (False, True, "highest")),
    ({}, (False, True, "highest")),
], ids=str)  # fmt: skip
def test_cudnns_trials_and_tf32_are_as_speed_says_and_afterwards_as_before(speed, within):
    before = state()
    assert before == (False, True, "highest")  # torch's own
    with pytest.raises(ZeroDivisionError), backends(OmegaConf.create(speed)):
        assert state() == within
        raise ZeroDivisionError
    assert state() == before


def test_deterministic_training_does_not_let_cudnn_try():
    torch.use_deterministic_algorithms(True)
    try:
        with backends(OmegaConf.create({"cudnn_benchmark": True})):
            assert not torch.backends.cudnn.benchmark
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_run_trains_and_is_judged_with_these_settings(tmp_path, monkeypatch):
    seen = []
    for hook in ("fit", "test"):
        real = getattr(L.Trainer, hook)
        monkeypatch.setattr(L.Trainer, hook, lambda *args, call=real, **kw: (seen.append(state()), call(*args, **kw))[1])
    train_into(tmp_path / "run", *TINY, "max_images=8", "metric=none", "speed.cudnn_benchmark=true", "speed.tf32=false")
    assert seen == [(True, False, "highest")] * 2
    assert state() == (False, True, "highest")
