import pytest
import torch
from PIL import Image

from gan_lab.errors import InputError
from gan_lab.sampling.format.png import PNG
from gan_lab.sampling.mode import Sheet
from tests.sampling.runs import request

LEVELS = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1).expand(-1, 3, 4, 5)


def test_each_sample_is_a_file(tmp_path):
    assert PNG()(Sheet(LEVELS), request(), tmp_path) == tmp_path
    pixels = [Image.open(tmp_path / f"00000{i}.png") for i in range(2)]
    assert [(image.size, image.getpixel((0, 0))) for image in pixels] == [((5, 4), (0, 0, 0)), ((5, 4), (255, 255, 255))]


def test_files_of_a_former_call_go_and_those_of_others_stay(tmp_path):
    PNG()(Sheet(LEVELS.repeat(2, 1, 1, 1)), request(), tmp_path)
    for name in ("notes.txt", "cat.png", "000009.jpg"):
        (tmp_path / name).write_text("mine")
    PNG().check_folder(tmp_path)
    PNG()(Sheet(LEVELS), request(), tmp_path)
    found = sorted(path.name for path in tmp_path.iterdir())
    assert found == ["000000.png", "000001.png", "000009.jpg", "cat.png", "notes.txt"]


def test_a_file_of_somebody_else_is_not_replaced(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "000001.png")
    with pytest.raises(InputError, match=r"000001.png' lacks the mark .* give out= another folder"):
        PNG().check_folder(tmp_path)
    (tmp_path / "000001.png").write_text("no image")
    with pytest.raises(InputError, match="lacks the mark"):
        PNG().check_folder(tmp_path)


def test_more_channels_than_a_file_has_are_refused():
    PNG().check_samples((4, 8, 8))
    with pytest.raises(InputError, match="at most 4 channels, and these images have 5: use format=npz or npy"):
        PNG().check_samples((5, 8, 8))
