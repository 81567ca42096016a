import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

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


@pytest.mark.parametrize("shape", [(2, 1, 1), (2, 16), (7,)])
@pytest.mark.parametrize("form", ["png", "gif", "mp4"])
def test_samples_that_are_no_images_are_refused(form, shape):
    writer = instantiate(OmegaConf.load(CONF / f"sample/format/{form}.yaml"))
    words = (
        f"format={form} needs images, and this GAN makes samples of {'x'.join(map(str, shape))}: use format=grid, npz or npy"
    )
    with pytest.raises(InputError, match=words):
        writer.check_samples(shape)
    writer.check_samples((3, 8, 8))
    for other in ("grid", "npz", "npy"):
        instantiate(OmegaConf.load(CONF / f"sample/format/{other}.yaml")).check_samples(shape)


def test_what_goes_together_is_let_through():
    for mode, form in [("grid", "png"), ("walk", "gif"), ("walk", "npz"), ("map", "grid"), ("map", "png")]:
        chosen, writer = made(mode, form)
        writer.check(chosen, mode)
