import pytest

from gan_lab.cli.compose import CONF, compose
from gan_lab.cli.options import rules_of
from gan_lab.cli.schema import COMMANDS


def test_every_command_states_its_keys():
    assert set(COMMANDS) == {path.stem for path in CONF.glob("*.yaml")}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_reads_no_key_that_it_does_not_state(command):
    assert set(map(str, compose(command, []))) <= set(rules_of(COMMANDS[command]))
