import math

import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from gan_lab.plot.curves import save_curves

ROWS = [
    {"images_seen": 4, "d_loss": 1.4},
    {"images_seen": 8, "d_loss": 1.3, "g_loss": 0.7},
    {"images_seen": 8, "val/d_overfit": 0.1, "val/fd_digits8": 9.0},
    {"images_seen": 12, "val/fd_digits8": 5.0, "val/cs_digits8": 2.0},
]


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Gives the visible panels of a saved picture by their titles: the points, and the level if there is one."""
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **options: path.touch() or figures.append(self))

    def draw(rows, equilibrium=None, baseline=None):
        save_curves(rows, tmp_path / "curves.png", equilibrium or {}, baseline or {})
        panels = [panel for panel in figures.pop().axes if panel.get_visible()]
        lines = {panel.get_title(): panel.get_lines() for panel in panels}
        return {
            name: (list(zip(*curve.get_data(), strict=True)), level[0].get_ydata()[0] if level else None)
            for name, (curve, *level) in lines.items()
        }

    return draw


def test_losses_come_first_then_metrics_of_g_then_diagnoses_each_with_its_level(drawn):
    panels = drawn(ROWS, {"d_loss": 1.386, "g_loss": 0.693}, {"fd_digits8": 0.5})
    assert panels == {
        "d_loss": ([(4, 1.4), (8, 1.3)], 1.386),
        "g_loss": ([(8, 0.7)], 0.693),
        "val/fd_digits8": ([(8, 9.0), (12, 5.0)], 0.5),
        "val/cs_digits8": ([(12, 2.0)], None),
        "val/d_overfit": ([(8, 0.1)], None),
    }
    assert list(panels)[-1] == "val/d_overfit"


def test_a_loss_without_a_known_equilibrium_has_no_line(drawn):
    assert drawn(ROWS, {"d_loss": 1.386})["g_loss"] == ([(8, 0.7)], None)


def test_rows_without_clocks_and_numbers_that_are_not_finite_are_left_out(drawn):
    rows = [*ROWS, {"d_loss": 1.0}, {"images_seen": 16, "d_loss": math.nan}, {"images_seen": 20, "d_loss": math.inf}]
    assert drawn(rows)["d_loss"] == ([(4, 1.4), (8, 1.3)], None)


def test_a_picture_is_written_even_of_nothing_and_closed(tmp_path):
    save_curves([*ROWS, {"images_seen": 1, "val/$_{x": 1.0}], tmp_path / "full.png", {"d_loss": 1.4}, {"fd_digits8": 1.0})
    save_curves([], tmp_path / "empty.png", {}, {})
    full, empty = (Image.open(tmp_path / name).convert("L") for name in ("full.png", "empty.png"))
    assert full.size == (720, 810)
    ink = [sum(image.histogram()[:128]) for image in (full, empty)]
    assert ink[0] > ink[1] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.png", "full.png"]
    assert not plt.get_fignums()
