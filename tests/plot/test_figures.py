import numpy as np
import torch
from PIL import Image

from gan_lab.plot.figures import UNKNOWN, Band, save_captioned, save_map, save_projection, save_spectra


def colours(path) -> set[tuple[int, ...]]:
    return set(map(tuple, np.unique(np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3), axis=0).tolist()))


def test_captioned_images_fill_their_rows(tmp_path):
    images = torch.linspace(-1, 1, 3 * 2 * 16).view(3, 2, 4, 4)  # of two channels, of which the first is drawn
    save_captioned(images, ["a $b", "1.5", ""], 2, tmp_path / "c.png")
    assert Image.open(tmp_path / "c.png").size == (216, 261)
    assert len(colours(tmp_path / "c.png")) > 20


def test_a_projection_shows_three_images_and_a_curve(tmp_path):
    save_projection(torch.rand(3, 3, 8, 8) * 2 - 1, [1.0, 0.1, 0.01], tmp_path / "p.png")
    assert Image.open(tmp_path / "p.png").size == (990, 252)
    assert len(colours(tmp_path / "p.png")) > 100


def test_spectra_have_a_colour_each(tmp_path):
    bands = {"reals": Band([3.0, 2.0], [0.1, 0.2]), "samples": Band([3.0, 1.0], [0.1, 0.2])}
    save_spectra([0.25, 0.5], bands, tmp_path / "s.png")
    assert (31, 119, 180) in colours(tmp_path / "s.png")


def test_a_map_colours_classes_and_leaves_out_unknown_ones(tmp_path):
    points, is_real = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) < 30
    for labels in (None, np.where(is_real, np.arange(60) % 40, UNKNOWN)):
        save_map(points, is_real, labels, ["a", "b", "c"], tmp_path / "m.png")
        assert Image.open(tmp_path / "m.png").width == 945
    assert (44, 160, 44) not in colours(tmp_path / "m.png")
