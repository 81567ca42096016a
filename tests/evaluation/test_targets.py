import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from gan_lab.errors import InputError
from gan_lab.evaluation.source import Files
from gan_lab.evaluation.targets import of_files, place, runs


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.full((4, 4), 9 * number, np.uint8)).save(folder / f"{number}.png")
    return folder


def test_runs_are_one_a_list_or_a_pattern(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / "outputs" / name / "checkpoints").mkdir(parents=True)
    (tmp_path / "outputs" / "notes").mkdir()
    assert [str(path) for path in runs("outputs/a")] == ["outputs/a"]
    assert [str(path) for path in runs(OmegaConf.create(["outputs/b", "x.ckpt"]))] == ["outputs/b", "x.ckpt"]
    assert [str(path) for path in runs("outputs/*")] == ["outputs/a", "outputs/b"]
    with pytest.raises(InputError, match=r"run=nowhere/\* matches no run folder"):
        runs("nowhere/*")


def test_a_place_holds_images_of_the_shape_or_statistics(images, tmp_path):
    assert isinstance(place(str(images), (1, 4, 4)), Files)
    with pytest.raises(InputError, match="is of images of 3x4x4, and 3x8x8 are to be judged"):
        place(str(images), (3, 8, 8))
    np.savez(tmp_path / "real.npz", mu=np.zeros(2), sigma=np.eye(2))
    assert place(str(tmp_path / "real.npz"), (3, 8, 8)) == tmp_path / "real.npz"


def test_images_made_elsewhere_have_no_seed(images):
    target = of_files(str(images), str(images))
    assert target.sample(0) is target.sample(1)
    assert target.held_out is target.gan is target.data is target.extractors is None
    assert target.facts == {"samples": str(images), "compared_with": str(images)}
