import pytest
from omegaconf import OmegaConf

import gan_lab  # noqa: F401  registers the resolvers


@pytest.mark.parametrize(("attributes", "classes"), [(["Male"], 2), (["Male", "Smiling", "Young"], 8), ([], None)])
def test_attributes_make_classes(attributes, classes):
    cfg = OmegaConf.create({"attributes": attributes, "num_classes": "${combinations:${attributes}}"})
    assert cfg.num_classes == classes


def test_a_run_keeps_its_name_wherever_it_is_asked_for(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    cfg = OmegaConf.create({"one": "${run_name:}", "two": "${run_name:}"})
    assert cfg.one == "torchrun_mine"
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "other")
    assert cfg.two == "torchrun_mine"
