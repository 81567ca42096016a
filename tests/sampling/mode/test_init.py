import pytest
import torch
from hydra.utils import instantiate

from gan_lab.cli.compose import CONF, compose
from gan_lab.sampling.mode import OPTIONS, FigureMode, Sheet, SheetMode, unread


def test_every_mode_of_the_command_is_of_one_of_the_two_kinds():
    names = [path.stem for path in sorted((CONF / "sample/mode").glob("*.yaml"))]
    modes = {name: instantiate(compose("sample", [f"mode={name}"]).mode) for name in names}
    figures = {name for name, mode in modes.items() if isinstance(mode, FigureMode)}
    assert figures == {"project", "neighbours", "spectrum", "map"}
    assert all(isinstance(modes[name], SheetMode) for name in modes.keys() - figures)


def test_a_sheet_states_no_facts_unless_told():
    assert Sheet(torch.zeros(1)).facts == {}


def made(name):
    return instantiate(compose("sample", [f"mode={name}"]).mode)


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        ("grid", ["steps", "image", "path", "embedding"]),
        ("walk", ["image", "embedding"]),
        ("codes", ["classes", "steps", "image", "path", "embedding"]),
        ("project", ["path", "embedding"]),
        ("map", ["steps", "image", "path"]),
    ],
)
def test_options_that_a_mode_ignores_are_found_in_each_form_of_a_command_line(name, ignored):
    assert unread(made(name), [f"{option}=1" for option in OPTIONS]) == ignored
    assert unread(made(name), ["n=3", "mode.steps=2", "+embedding.perplexity=5"]) == [
        each for each in ignored if each == "embedding"
    ]


@pytest.mark.parametrize(("name", "samples"), [("grid", 5), ("map", 5), ("interpolate", 15), ("walk", 60), ("mix", 36),
                                               ("directions", 120), ("truncation", 25)])  # fmt: skip
def test_memory_is_judged_by_all_samples_of_a_mode(name, samples):
    assert made(name).count(5, 3) == samples
