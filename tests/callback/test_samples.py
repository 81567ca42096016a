import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from PIL import Image

from gan_lab.callback.samples import Samples
from gan_lab.data.pixels import to_unit
from gan_lab.errors import InputError
from gan_lab.model.gan import GAN
from gan_lab.plot import display
from gan_lab.plot.picture import save_picture
from tests.tiny import fit, tiny


def test_pictures_are_taken_at_first_when_due_and_at_last_named_by_images_seen(tmp_path):
    fit(tiny(images=28), Samples(str(tmp_path), every_images=12))
    names = [f"{seen:010d}.png" for seen in (0, 12, 24, 28)]
    assert [path.name for path in sorted(tmp_path.iterdir())] == [*names, "reals.png"]


def test_the_reals_are_shown_as_they_came_in_spread_over_the_training_set_and_written_once(tmp_path):
    cfg = tiny(images=4)
    data = fit(cfg, Samples(str(tmp_path), every_images=4)).trainer.datamodule
    numbers = range(0, data.num_train, data.num_train // 64)  # fake data have 4096
    assert torch.equal(data.survey.samples, torch.stack([data.train_set[i][0] for i in numbers]))
    save_picture(to_unit(data.survey.samples), tmp_path / "expected.png")
    assert (tmp_path / "reals.png").read_bytes() == (tmp_path / "expected.png").read_bytes()
    (tmp_path / "reals.png").write_bytes(b"kept")
    fit(cfg, Samples(str(tmp_path), every_images=4))
    assert (tmp_path / "reals.png").read_bytes() == b"kept"


def test_pictures_of_an_unchanged_generator_are_equal_and_show_its_first_samples(tmp_path):
    cfg = tiny("network.generator.norm=none", images=8)
    cfg.optimizer.g.lr = 0.0
    gan = fit(cfg, Samples(str(tmp_path), every_images=8, n=4))
    save_picture(gan.sample(range(4)), tmp_path / "expected.png")
    first, last, expected = (path.read_bytes() for path in sorted(tmp_path.glob("[0e]*.png")))
    assert first == last == expected


def test_samples_of_another_shape_than_the_data_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(GAN, "sample", lambda gan, n: torch.zeros(n, 64))
    with pytest.raises(InputError, match=r"^G makes samples of 64, where the data are \d+x\d+x\d+: let its forward return"):
        fit(tiny(images=4), Samples(str(tmp_path), every_images=4))


def test_points_give_scatter_plots(tmp_path):
    fit(tiny("data=gaussians", "model=gan", images=256), Samples(str(tmp_path), every_images=256))
    pictures = [Image.open(path) for path in sorted(tmp_path.iterdir())]
    assert [picture.size for picture in pictures] == [(400, 400)] * 3  # the last one of reals
    assert pictures[0].tobytes() != pictures[1].tobytes()


def test_points_are_shown_beside_the_centres_of_their_modes(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(display, "save_picture", lambda *args: shown.append(args))
    data = fit(tiny("data=gaussians", "model=gan", images=256), Samples(str(tmp_path), every_images=256)).trainer.datamodule
    assert [torch.equal(target.centres, data.layout.centers) for *_, target in shown] == [True] * 3


def test_tables_are_shown_beside_held_out_reals_more_of_them_than_of_images(tmp_path, monkeypatch):
    np.save(tmp_path / "table.npy", np.random.default_rng(0).normal(size=(60, 3)))
    shown = []
    monkeypatch.setattr(display, "save_picture", lambda *args: shown.append(args))
    table = ["data=array", f"data.root={tmp_path / 'table.npy'}", "data.batch_size=4"]
    gan = fit(tiny(*table, "network=mlp", "model=gan", images=4), Samples(str(tmp_path), every_images=4, n=2))
    (came_in, path, *_), (made, _, columns, target), _ = shown
    assert (came_in.shape, path.name) == ((54, 3), "reals.png")
    assert (made.shape, columns) == ((16, 3), None)
    assert torch.equal(target.reals, gan.trainer.datamodule.held_out_set.__getitems__([*range(6)])[0])


def test_loggers_that_take_pictures_get_them_with_their_clocks(tmp_path):
    shown = []
    logger = CSVLogger(tmp_path / "log")
    logger.log_picture = lambda *args: shown.append(args)
    fit(tiny("model.d_steps=2", images=8), Samples(str(tmp_path / "samples"), every_images=8), logger=logger)
    assert [(name, path.name, clocks) for name, path, clocks in shown] == [
        ("samples/grid", "0000000000.png", {"images_seen": 0, "g_steps_done": 0}),
        ("samples/grid", "0000000008.png", {"images_seen": 8, "g_steps_done": 1}),
    ]


def test_a_growing_gan_leaves_the_samples_of_each_resolution(tmp_path):
    growing = ["model=pggan", "data.image_size=16", "data.batch_size=8", "model.growth.images_per_level=32"]
    fit(tiny(*growing, images=80), Samples(str(tmp_path), every_images=10**9, n=4))
    assert [int(path.stem) for path in sorted(tmp_path.glob("0*.png"))] == [0, 16, 48, 80]
