import math
from typing import Any

import pytest
from omegaconf import ListConfig, OmegaConf

from gan_lab.cli.catalogue import groups
from gan_lab.cli.command import sentence
from gan_lab.cli.compose import check, compose
from gan_lab.cli.options import rules_of, rules_of_target, validate, walk
from gan_lab.cli.schema import COMMANDS, TrainKeys
from gan_lab.cli.words import shown
from gan_lab.errors import InputError
from gan_lab.ranges import Count
from tests.tiny import composed

WRONG = ["abc", "", math.nan, math.inf, -1, 0, 0.5, 10**12, 10**30, True, None, [], [1, "a"], {"a": 1}]
LISTS = ("metric", "penalty", "regularizer", "augment", "trick", "extractor")
EVERY = [f"{group}=[{','.join(name for name in groups()[group] if name != 'none')}]" for group in LISTS]
"""All options of the groups of which several may be chosen."""


def options(command, *overrides):
    return [
        option
        for option in walk(compose(command, [*overrides]), rules_of(COMMANDS[command]))
        if not isinstance(option.node, ListConfig)
    ]


def check_every_key(command, *overrides):
    """Hold every key to every wrong value: it is refused in one sentence that names both, or legal."""
    for option in options(command, *overrides):
        assert option.rule, f"nobody states what {option.key} takes"
        for value in WRONG:
            try:
                option.rule.check(option.key, value)
            except InputError as error:
                said = str(error)
                assert said.startswith(f"{option.key}={shown(value)} is invalid: give ")
                assert "\n" not in said and "object at" not in said


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_of_every_command_takes_a_value_or_refuses_it_in_one_sentence(command):
    check_every_key(command)


def test_every_key_of_all_parts_together_takes_a_value_or_refuses_it_in_one_sentence():
    check_every_key("train", *EVERY)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["model", "network", "data", "optimizer", "schedule", "trainer", "speed", "logger"])
def test_every_key_of_every_option_takes_a_value_or_refuses_it_in_one_sentence(group):
    for name in groups()[group]:
        check_every_key("train", f"{group}={name}")


@pytest.mark.slow
@pytest.mark.parametrize("group", ["model", "network", "data", "optimizer", "schedule", "experiment", "eval", *LISTS])
def test_every_option_of_ours_is_legal(group):
    command = "evaluate" if group == "eval" else "train"
    for name in groups()[group]:
        validate(compose(command, [f"{group}={name}"]), COMMANDS[command])


ISSUE = {
    "model.simultaneous=maybe": "model.simultaneous=maybe is invalid: give true or false",
    "model.ema_half_life_kimg=nan": "model.ema_half_life_kimg=nan is invalid: give a finite number of at least 0",
    "penalty.r1.weight=-1": "penalty.r1.weight=-1 is invalid: give a number of at least 0 or an object, which a _target_ makes",
    "max_epochs=0": "max_epochs=0 is invalid: give a number above 0",
    "seed=true": "seed=true is invalid: give a whole number",
    "optimizer.g.betas=[0.5]": "optimizer.g.betas=[0.5] is invalid: give a list of 2, each a number from 0 to below 1",
    "clip_grad_norm.g=-1": "clip_grad_norm.g=-1 is invalid: give a number of at least 0",
    "clip_grad_norm=3": "clip_grad_norm=3 is invalid: give a mapping, as {NAME: VALUE}",
    "callback.samples=null": "callback.samples=null is invalid: give an object, which a _target_ makes",
    "model.latent=normal": "model.latent=normal is invalid: give an object, which a _target_ makes",
    "network.generator.width=1000000": "network.generator.width=1000000 is invalid: give a whole number of at least 1 and ",
    "max_images=9999999999999999999": "max_images=9999999999999999999 is invalid: give a whole number of at least 1, below ",
    "primary=5": "primary=5 is invalid: give a text that is not empty (a number as a text: primary=\"'5'\")",
    "trainer.max_epochs=3": "trainer.max_epochs=3 is invalid: give -1 (the length of a run is max_images, ",
    "seed=???": "seed is missing: give seed=VALUE",
    "seed=${nope}": "seed: Interpolation key 'nope' not found",
    "~max_epochs": "max_epochs is not there, and the command needs it: leave out ~max_epochs",
    "~speed.fused": "speed.fused is not there, and the command needs it: leave out ~speed.fused",
    "+model.ema_rampp=1": "gan_lab.model.dcgan.DCGAN takes no 'ema_rampp'; did you mean 'ema_ramp'?: leave it out",
    "model._target_=os.system": "model: no configuration may call os.system, which runs any command: name another _target_",
    "model._target_=torch": "model: torch is no class and no function: give _target_=module.Name",
    "model._target_=''": "model: the _target_ is no name of a class or function: give _target_=module.Name",
    "model._target_=3": "model: 3 is no class and no function: give _target_=module.Name",
    "model._target_=???": "model._target_ is missing: give model._target_=VALUE",
    "+speed.captures=true": "speed has no 'captures'; did you mean 'capture'?: leave it out",
    "model.g_loss.path=gan_lab.losses.foo": "model.g_loss: Error loading 'gan_lab.losses.foo': gan_lab.losses has no 'foo'",
}


@pytest.mark.parametrize(("override", "said"), ISSUE.items())
def test_a_wrong_value_is_refused_in_one_sentence(override, said):
    with pytest.raises(Exception) as error:
        validate(composed("penalty=r1", override), TrainKeys)
    assert (sentence(error.value) or "").startswith(said)


HYDRA = {
    "hydra.verbose=7": "hydra.verbose=7 is invalid: give true or false or a text that is not empty or a list",
    "hydra.job_logging.version=7": "hydra.job_logging.version=7 is invalid: give 1",
    "hydra.job_logging.root.level=loud": "hydra.job_logging.root.level=loud is invalid: give one of CRITICAL, FATAL, ",
    "+hydra.callbacks.x=3": "hydra.callbacks.x=3 is invalid: give an object, which a _target_ makes",
    "hydra.sweeper=3": "hydra.sweeper._target_=None is no plugin of Hydra: choose one by hydra/sweeper=NAME",
}


@pytest.mark.parametrize(("override", "said"), HYDRA.items())
def test_a_wrong_value_of_hydra_s_own_is_refused_in_one_sentence(override, said):
    with pytest.raises(InputError) as error:
        check("list", [override], values=True)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize(
    "override",
    ["optimizer.g.lr=0", "optimizer.g.lr=1", "max_hours=0", "seed=-5", "model.ema_ramp=null", "+trainer.devices=[0,1]"],
)
def test_a_legal_value_is_taken(override):
    validate(composed(override.replace("+trainer", "trainer")), TrainKeys)


def test_what_data_fill_in_may_be_null_until_then_and_a_copy_of_a_wrong_value_blames_the_key_that_was_given():
    validate(composed("data=array", "data.root=x.npy"), TrainKeys)
    validate(composed("network.generator.width=${data.later}", "primary=${hydra:job.name}"), TrainKeys)
    with pytest.raises(InputError, match=r"^log_every_steps=0 is invalid"):  # which two callbacks copy
        validate(composed("log_every_steps=0"), TrainKeys)


def outer(a: int = 0, **options: Any) -> None:
    """Take anything."""


class Base:
    """Takes a width."""

    def __init__(self, width: Count) -> None:
        self.width = width


class Below(Base):
    """Hands on what it does not know."""

    def __init__(self, depth: Count = None, **options: Any) -> None:
        super().__init__(**options)


def test_a_class_that_hands_on_its_options_takes_those_of_its_bases_and_a_function_that_does_takes_any():
    rules, is_closed = rules_of_target(Below)
    assert is_closed and rules["width"].hint == Count
    rules["depth"].check("depth", None)  # its default
    assert rules_of_target(outer)[1] is False
    node = OmegaConf.create({"part": {"_target_": f"{__name__}.Below", "width": 2, "with": 3}})
    with pytest.raises(InputError, match=r"Below takes no 'with'; did you mean 'width'\?"):
        validate(node)


def test_hints_that_only_a_type_checker_can_read_check_nothing():
    def foreign(size: "Missing") -> None: ...  # noqa: F821

    assert rules_of_target(foreign)[1] is False
