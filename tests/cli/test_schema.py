import pytest
from hydra.utils import get_class

from gan_lab.cli.compose import CONF, compose
from gan_lab.cli.options import rules_of
from gan_lab.cli.schema import COMMANDS, LIBRARIES


def test_every_command_states_its_keys():
    assert set(COMMANDS) == {path.stem for path in CONF.glob("*.yaml")}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_reads_no_key_that_it_does_not_state(command):
    assert set(map(str, compose(command, []))) <= set(rules_of(COMMANDS[command]))


@pytest.mark.parametrize(
    ("target", "library"), [("torch.optim.Adam", "torch.optim"), ("lightning.Trainer", "lightning.pytorch.trainer")]
)
def test_a_library_is_found_by_the_module_of_its_classes(target, library):
    assert get_class(target).__module__.startswith(library) and library in LIBRARIES
