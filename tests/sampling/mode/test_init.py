import torch
from hydra.utils import instantiate

from gan_lab.cli.compose import CONF, compose
from gan_lab.sampling.mode import FigureMode, Sheet, SheetMode


def test_every_mode_of_the_command_is_of_one_of_the_two_kinds():
    names = [path.stem for path in sorted((CONF / "sample/mode").glob("*.yaml"))]
    modes = {name: instantiate(compose("sample", [f"mode={name}"]).mode) for name in names}
    figures = {name for name, mode in modes.items() if isinstance(mode, FigureMode)}
    assert figures == {"project", "neighbours", "spectrum", "map"}
    assert all(isinstance(modes[name], SheetMode) for name in modes.keys() - figures)


def test_a_sheet_states_no_facts_unless_told():
    assert Sheet(torch.zeros(1)).facts == {}
