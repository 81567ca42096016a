import math

import pytest
from PIL import Image

from gan_lab.plot.curves import equilibrium, save_curves
from gan_lab.rng import StepRNG
from gan_lab.training.build import build
from tests.tiny import tiny

LOG_2 = math.log(2)


def gan(model):
    made = build(tiny(f"model={model}"))
    made.rng = StepRNG(0)  # as after a step
    return made


@pytest.mark.parametrize(
    ("model", "d_loss", "g_loss"),
    [
        ("gan", 2 * LOG_2, LOG_2),
        ("dcgan", 2 * LOG_2, LOG_2),
        ("lsgan", 0.25, 0.125),
        ("hinge", 2, 0),
        ("wgan", 0, 0),
        ("wgan_gp", 0, 0),
    ],
)
def test_the_equilibrium_is_where_every_score_is_undecided(model, d_loss, g_loss):
    assert equilibrium(gan(model)) == pytest.approx({"d_loss": d_loss, "g_loss": g_loss})


def test_rows_with_gaps_make_a_picture(tmp_path):
    rows = [
        {"images_seen": 4, "d_loss": 1.4},
        {"images_seen": 8, "d_loss": 1.3, "g_loss": 0.7},
        {"images_seen": 8, "val/fd_digits8": 9.0, "val/d_overfit": 0.1},
        {"images_seen": 12, "val/fd_digits8": 5.0, "val/cs_digits8": 2.0},
    ]
    save_curves(rows, tmp_path / "full.png", gan("gan"), {"fd_digits8": 1.0})
    save_curves([], tmp_path / "empty.png", gan("gan"), {})
    full, empty = (Image.open(tmp_path / name).convert("L") for name in ("full.png", "empty.png"))
    assert full.size == (720, 810)
    ink = [sum(image.histogram()[:128]) for image in (full, empty)]
    assert ink[0] > ink[1] > 0
