from dataclasses import replace

import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from gan_lab.sweep import heat_map
from gan_lab.sweep.ranking import group
from tests.sweep.left import jobs


@pytest.fixture
def draw(monkeypatch, tmp_path):
    """The panels with a title as (title, texts, patches), and the colour bar's label, of a saved picture."""
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **options: path.touch() or drawn.append(self.axes))

    def save(found):
        path = heat_map.save(group(found), tmp_path / "heat_map.png")
        assert path.exists()
        *panels, bar = drawn.pop()
        return [panel for panel in panels if panel.get_visible()], bar

    return save


def words(panel):
    return {(text.get_position()): text.get_text() for text in panel.texts}


GRID = {"model": ["gan", "gan", "wgan", "wgan"], "penalty": ["none", "[r1,lecam]"] * 2}


def test_the_first_option_goes_down_and_the_second_across(draw):
    (panel,), _ = draw(jobs(1.0, 2.0, 3.0, 4.0, **GRID))
    assert words(panel) == {(0, 0): "1", (1, 0): "2", (0, 1): "3", (1, 1): "4"}
    assert [label.get_text() for label in panel.get_yticklabels()] == ["gan", "wgan"]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["none", "[r1,lecam]"]
    assert (panel.get_ylabel(), panel.get_xlabel()) == ("model", "penalty")


def test_a_cell_shows_mean_deviation_and_failures_and_is_hatched_when_all_failed(draw):
    options = {key: [value for value in values for _ in range(2)] for key, values in GRID.items()}
    (panel,), _ = draw(jobs(1.0, 3.0, 5.0, None, None, None, 0.0, 0.0, **options, seed=[0, 1] * 4))
    assert words(panel) == {(0, 0): "2\n± 1.4", (1, 0): "5\n1 failed", (0, 1): "failed", (1, 1): "0\n± 0"}
    assert [bool(patch.get_hatch()) for patch in panel.patches] == [False, False, True, False]


@pytest.mark.parametrize(("mode", "darkest"), [("min", 0), ("max", 3)])
def test_the_better_the_darker(draw, mode, darkest):
    (panel,), bar = draw(jobs(1.0, 2.0, 3.0, 4.0, mode=mode, **GRID))
    light = [sum(patch.get_facecolor()[:3]) for patch in panel.patches]
    assert light.index(min(light)) == darkest
    assert bar.get_ylabel() == f"fd ({'lower' if mode == 'min' else 'higher'} is better)"


def test_every_combination_of_further_options_has_a_panel(draw):
    options = {key: values * 4 for key, values in GRID.items()}
    further = {"data": ["a"] * 8 + ["b"] * 8, "network": (["x"] * 4 + ["y"] * 4) * 2}
    panels, _ = draw(jobs(*range(16), **further, **options))
    assert [panel.get_title() for panel in panels] == ["a, x", "a, y", "b, x", "b, y"]
    assert words(panels[3]) == {(0, 0): "12", (1, 0): "13", (0, 1): "14", (1, 1): "15"}


@pytest.mark.parametrize(
    ("options", "is_grid"),
    [
        (GRID, True),
        ({"model": ["a", "b", "c", "d"]}, False),
        ({"model": ["a", "a", "b", "b"], "seed": [0, 1, 0, 1]}, False),
        ({"lr": [0.1, 0.2, 0.3, 0.4], "penalty": ["none", "r1"] * 2}, False),  # a search: no value comes back
    ],
)
def test_a_grid_is_two_options_besides_the_seed_whose_values_come_back(options, is_grid):
    assert heat_map.is_grid(group(jobs(1.0, 2.0, 3.0, 4.0, **options))) == is_grid


def test_nothing_is_drawn_of_failures_alone():
    assert not heat_map.is_grid(group([replace(job, chosen=None) for job in jobs(1.0, 2.0, 3.0, 4.0, **GRID)]))


def test_the_picture_is_written_and_closed(tmp_path):
    path = heat_map.save(group(jobs(1.0, 2.0, 3.0, None, **GRID)), tmp_path / "heat_map.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["heat_map.png"]
    assert not plt.get_fignums()


def test_one_value_needs_no_colour_bar(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **options: path.touch() or drawn.append(self))
    heat_map.save(group(jobs(0.0, 0.0, 0.0, 0.0, mode="max", **GRID)), tmp_path / "heat_map.png")
    assert len(drawn[0].axes) == 1
    assert drawn[0].get_supxlabel() == "fd (higher is better)"
