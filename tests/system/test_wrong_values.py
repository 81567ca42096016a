"""What the check of options lets pass goes on to data, networks, trainer and callbacks: no value ends in a traceback."""

import math
from copy import deepcopy
from pathlib import Path
from random import Random

import pytest
from hydra.utils import instantiate
from omegaconf import ListConfig, OmegaConf, open_dict

from gan_lab.cli.command import sentence
from gan_lab.cli.compose import compose
from gan_lab.cli.options import rules_of, walk
from gan_lab.cli.schema import TrainKeys
from gan_lab.training.build import build, build_data
from gan_lab.training.config import check_g_steps, check_numbers, finalize_config
from tests.tiny import MODELS, tiny

VALUES = ["abc", "", math.nan, -1, 0, 1, 0.5, 10**12, True, None, [], [1, "a"], {"a": 1}]
NUM_VALUES = len(VALUES)
TINY = ["data=fake", "data.image_size=8", "data.channels=1", "data.batch_size=4", "data.num_classes=3", "data.train.n=64",
        "data.held_out.n=16", "network.generator.width=8", "network.discriminator.width=8", "max_images=64",
        "logger=csv"]  # fmt: skip


def make(cfg):
    """All that a run makes before it trains."""
    check_numbers(cfg)
    trainer = instantiate(cfg.trainer, logger=False)
    data = build_data(cfg)
    data.setup("fit")
    finalize_config(cfg, data.num_train, data.batch_size * trainer.world_size, Path("run"))
    check_g_steps(cfg, data.batch_size * trainer.world_size)
    for node in cfg.callback.values():
        instantiate(node)
    build(cfg)


def faults_of(cfg, prefixes=("",), most=NUM_VALUES):
    """Build with wrong values of each key, ``most`` of them chosen by a seed, and return what ends in a traceback."""
    make(deepcopy(cfg))
    faults, choice = [], Random(0)
    for option in walk(cfg, rules_of(TrainKeys)):
        if option.is_copy or isinstance(option.node, ListConfig) or option.key in ("callback", "data.train.n"):
            continue
        for value in choice.sample(VALUES, most) if option.key.startswith(prefixes) else ():
            changed = deepcopy(cfg)
            try:
                if option.rule:
                    option.rule.check(option.key, value)
                with open_dict(changed):
                    OmegaConf.update(changed, option.key, value, merge=False)
                make(changed)
            except Exception as error:
                if sentence(error) is None:
                    faults.append(f"{option.key}={value}: {type(error).__name__}: {error}")
    return "\n".join(faults)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        [
            "model=dcgan",
            "penalty=[wgan_gp,lecam,drift]",
            "network.discriminator.norm=layer",
            "trick=[replay,soft_labels,layer_noise]",
        ],
        ["model=infogan", "augment=[ada,instance_noise]", "regularizer=[l2,path_length]"],
        ["model=stylegan2", "network.generator.style_dim=8", "network.generator.mapping_layers=2"],
        ["model=ccgan", "network=mlp", "model/vicinity=soft", "optimizer=muon_adam", "schedule=cosine"],
        ["model=r3gan", "model.burn_in_images=64", "network.generator.group_width=8", "network.discriminator.group_width=8"],
    ],
    ids=lambda overrides: overrides[0],
)
def test_a_value_is_refused_in_one_sentence_or_a_run_is_made_with_it(overrides, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    faults = faults_of(compose("train", [*TINY, *overrides]), most=3)
    assert not faults, faults


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_model_refuses_a_value_of_its_own_in_one_sentence_or_is_made_with_it(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    faults = faults_of(tiny(f"model={model}"), ("model.", "network.", "penalty.", "optimizer."))
    assert not faults, faults
