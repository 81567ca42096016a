from types import SimpleNamespace

import torch

from gan_lab.plot.display import Pictures
from gan_lab.plot.picture import save_picture


def test_pictures_are_saved_and_logged_where_a_logger_takes_them(tmp_path):
    display, images, shown = Pictures(), torch.linspace(-1, 1, 4 * 64).view(4, 1, 8, 8), []
    display.save(images, tmp_path / "a.png", columns=4)
    save_picture(images, tmp_path / "b.png", columns=4)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    for logger in (SimpleNamespace(log_picture=lambda *given: shown.append(given)), SimpleNamespace()):
        display.log(logger, tmp_path / "a.png", {"images_seen": 3})
    assert shown == [("samples/grid", tmp_path / "a.png", {"images_seen": 3})]
