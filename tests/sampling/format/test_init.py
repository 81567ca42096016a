import pytest
from hydra.utils import instantiate

from gan_lab.cli.compose import CONF, compose
from gan_lab.errors import InputError

FORMATS = [path.stem for path in sorted((CONF / "sample/format").glob("*.yaml"))]


def made(mode, form):
    cfg = compose("sample", [f"mode={mode}", f"format={form}"])
    return instantiate(cfg.mode), instantiate(cfg.format)


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_knows_its_name(form):
    assert made("grid", form)[1].name == form


@pytest.mark.parametrize(
    ("mode", "form", "sentence"),
    [
        ("map", "gif", "mode=map draws a figure and writes its numbers beside it: leave out format=gif"),
        ("spectrum", "npz", "mode=spectrum draws a figure"),
        ("grid", "gif", "format=gif shows steps along a path, and mode=grid has none: use mode=walk"),
        ("mix", "mp4", "format=mp4 shows steps along a path, and mode=mix has none"),
    ],
)
def test_a_format_that_a_mode_cannot_give_is_refused(mode, form, sentence):
    chosen, writer = made(mode, form)
    with pytest.raises(InputError, match=sentence):
        writer.check(chosen, mode)


def test_what_goes_together_is_let_through():
    for mode, form in [("grid", "png"), ("walk", "gif"), ("walk", "npz"), ("map", "grid"), ("map", "png")]:
        chosen, writer = made(mode, form)
        writer.check(chosen, mode)
