import pytest

from gan_lab.cli.compose import CONF, compose
from gan_lab.cli.options import rules_of, validate
from gan_lab.cli.schema import COMMANDS
from gan_lab.errors import InputError


def test_every_command_states_its_keys():
    assert set(COMMANDS) == {path.stem for path in CONF.glob("*.yaml")}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_reads_no_key_that_it_does_not_state(command):
    assert set(map(str, compose(command, []))) <= set(rules_of(COMMANDS[command]))


def test_classes_to_sample_are_numbers_names_or_conditions():
    cfg = compose("sample", [])
    for classes in ([3, "cat"], [0.25, -1.5], [[0.1, 0.9]], None):
        cfg.classes = classes
        validate(cfg, COMMANDS["sample"])
    for classes in ([], [True], [None]):
        cfg.classes = classes
        with pytest.raises(InputError, match=r"^classes="):
            validate(cfg, COMMANDS["sample"])
