import socket
import time
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from gan_lab.cli.compose import CONF
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import weights
from gan_lab.evaluation.extractor.weights import full_precision, sha256

STATE = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(4)}


def test_the_hash_does_not_depend_on_order_or_layout():
    other = {"b": STATE["b"].clone(), "a": STATE["a"].T.contiguous().T}
    assert sha256(other) == sha256(STATE)


@pytest.mark.parametrize(
    "changed",
    [
        STATE | {"a": STATE["a"] + torch.tensor([0, 0, 1e-6])},
        STATE | {"a": STATE["a"].view(3, 2)},
        STATE | {"a": STATE["a"].double()},
        {"a": STATE["a"], "c": STATE["b"]},
        STATE | {"c": torch.tensor(0)},
    ],
    ids=["value", "shape", "type", "name", "more"],
)
def test_the_hash_changes_with_all_that_weights_are(changed):
    assert sha256(changed) != sha256(STATE)


def test_within_full_precision_there_is_neither_autocast_nor_tf32_and_afterwards_all_is_as_before():
    former = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        with torch.autocast("cpu", torch.bfloat16):
            with pytest.raises(KeyError), full_precision(torch.device("cpu")):
                assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
                assert torch.get_float32_matmul_precision() == "highest"
                assert not torch.backends.cudnn.allow_tf32
                raise KeyError
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision(former)


def test_a_server_that_does_not_answer_is_given_up_soon(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        with pytest.raises(OSError, match="timed out"):
            weights.fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/weights.pth", tmp_path / "weights.pth")
        assert time.monotonic() - start < 5
    assert not (tmp_path / "weights.pth").exists()


@pytest.mark.parametrize("name", ["inception.Inception", "dinov2.DINOv2"])
def test_options_that_find_no_weights_are_refused_without_making_the_network(name, monkeypatch, tmp_path):
    choice = {"_target_": f"gan_lab.evaluation.extractor.{name}", "weights": str(tmp_path / "gone.pth")}
    with pytest.raises(InputError, match=rf"extractor.{name.split('.')[0]}.weights='.*gone.pth' does not exist"):
        weights.check({"it": choice})


def test_weights_lie_where_torch_keeps_them(monkeypatch, tmp_path):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        assert weights.hub_folder() == Path(torch.hub.get_dir(), "checkpoints")
        monkeypatch.delenv("TORCH_HOME", raising=False)
        monkeypatch.setenv(name, str(tmp_path / name))
    assert weights.hub_folder() == Path(torch.hub.get_dir(), "checkpoints") == tmp_path / "XDG_CACHE_HOME/torch/hub/checkpoints"


@pytest.mark.parametrize("name", ["inception", "dinov2"])
def test_an_early_check_sees_whether_the_server_answers_and_fetches_nothing(name, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "reach", asked.append)
    cfg = OmegaConf.create({"metric": {"frechet": {}}, "extractor": OmegaConf.load(CONF / f"extractor/{name}.yaml")})
    weights.check_reach([cfg, cfg, OmegaConf.create({"metric": {}, "extractor": cfg.extractor})])
    assert len(asked) == 1 and asked[0].endswith(".pth")
    assert not [*tmp_path.rglob("*.pth")]
    cfg.extractor[name].download = "often"
    with pytest.raises(InputError, match=rf"extractor.{name}.download=often is invalid: give true or false"):
        weights.check_reach([cfg])
    cfg.extractor[name].download = False
    with pytest.raises(InputError, match=rf"extractor.{name}.download is false: put it there from"):
        weights.check_reach([cfg])


def test_extractors_that_need_no_file_and_a_users_own_pass(monkeypatch):
    weights.check(None)
    weights.check({"pixels": {"_target_": "gan_lab.evaluation.extractor.pixels.Pixels"}, "own": {"_target_": "builtins.dict"}})
