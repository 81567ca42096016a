import lightning as L
import pytest
import torch
from omegaconf import OmegaConf

from gan_lab.run_folder import RunFolder
from gan_lab.training import speed
from gan_lab.training.speed import backends
from tests.tiny import CONF, TINY, composed, tiny, train_into

NO_BF16 = "float32 (this CPU has no bf16 instructions), channels_last, fused optimizers, eager: CUDA graphs need a GPU"


def state():
    cudnn = torch.backends.cudnn
    return cudnn.benchmark, cudnn.allow_tf32, torch.get_float32_matmul_precision()


@pytest.mark.parametrize("settings, within", [
    ({"cudnn_benchmark": True, "tf32": True}, (True, True, "high")),
    ({"cudnn_benchmark": False, "tf32": False}, (False, False, "highest")),
    ({"cudnn_benchmark": False, "tf32": None}, (False, True, "highest")),
    ({}, (False, True, "highest")),
], ids=str)  # fmt: skip
def test_cudnns_trials_and_tf32_are_as_speed_says_and_afterwards_as_before(settings, within):
    before = state()
    assert before == (False, True, "highest")  # torch's own
    with pytest.raises(ZeroDivisionError), backends(OmegaConf.create(settings)):
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


def test_a_run_trains_and_is_judged_with_what_was_chosen_and_stores_and_says_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(speed, "has_bf16", lambda device: False)
    seen = []
    for hook in ("fit", "test"):
        real = getattr(L.Trainer, hook)
        monkeypatch.setattr(L.Trainer, hook, lambda *args, call=real, **kw: (seen.append(state()), call(*args, **kw))[1])
    train_into(tmp_path / "run", *TINY, "max_images=8", "metric=none", "speed=fast", "speed.cudnn_benchmark=true",
               "speed.tf32=false", "trainer.accelerator=cpu")  # fmt: skip
    assert seen == [(True, False, "highest")] * 2
    assert state() == (False, True, "highest")
    stored = RunFolder(tmp_path / "run").read_config()["speed"]
    assert stored == {"precision": "32-true", "channels_last": True, "fused": True, "compile": False, "capture": True,
                      "cudnn_benchmark": True, "tf32": False}  # fmt: skip
    assert NO_BF16.replace("optimizers", "optimizers, cuDNN's autotuner") in capsys.readouterr().out


# ----- what is chosen ----------------------------------------------------------------------------------------------------


@pytest.fixture
def chosen(monkeypatch):
    """The group and the line of a device, for the options of a command line."""

    def call(device, bf16, *overrides):
        monkeypatch.setattr(speed, "device_of", lambda cfg: torch.device(device))
        monkeypatch.setattr(speed, "has_bf16", lambda device: bf16)
        cfg = tiny(*overrides)
        return cfg, speed.choose(cfg)

    return call


def test_fast_is_float32_on_a_cpu_without_bf16_and_bf16_where_there_are_instructions(chosen):
    cfg, line = chosen("cpu", False, "speed=fast")
    assert (cfg.speed.precision, cfg.trainer.precision, cfg.speed.channels_last) == ("32-true", "32-true", True)
    assert cfg.speed.tf32 is None
    assert line == NO_BF16
    cfg, line = chosen("cpu", True, "speed=fast")
    assert cfg.trainer.precision == "bf16-mixed"
    assert line == "bf16, channels_last, fused optimizers, eager: CUDA graphs need a GPU"


def test_fast_on_a_gpu_is_all_that_it_has(chosen):
    cfg, line = chosen("cuda", True, "speed=fast")
    assert (cfg.trainer.precision, cfg.speed.fused, cfg.speed.tf32) == ("bf16-mixed", True, True)
    assert line == "bf16, channels_last, fused optimizers, TF32, steps as CUDA graphs"
    assert chosen("cuda", False, "speed=fast")[1].startswith("float32 (this GPU has no bf16 instructions), ")


def test_what_the_user_gives_wins_and_plain_is_plain(chosen):
    assert chosen("cpu", True, "speed=fast", "speed.precision=32-true", "speed.channels_last=false")[1] == (
        "float32, fused optimizers, eager: CUDA graphs need a GPU"
    )
    assert chosen("cpu", False, "speed=fast", "trainer.precision=bf16-mixed")[1].startswith("bf16, channels_last")
    cfg, line = chosen("cuda", True)
    assert line == "float32, eager"
    assert cfg.speed == composed("logger=csv").speed
    assert chosen("cpu", False, "speed.precision=auto")[1] == "float32 (this CPU has no bf16 instructions), eager"


def test_plain_names_every_key_so_that_each_can_be_measured_alone():
    assert [*OmegaConf.load(CONF / "speed/plain.yaml")] == [*OmegaConf.load(CONF / "speed/fast.yaml")]
