import pytest
import torch
from PIL import Image

from gan_lab.errors import InputError
from gan_lab.sampling.format.png import PNG
from gan_lab.sampling.mode import Sheet
from tests.sampling.runs import request


def test_each_sample_is_a_file(tmp_path):
    levels = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1).expand(-1, 3, 4, 5)
    assert PNG()(Sheet(levels), request(), tmp_path) == tmp_path
    pixels = [Image.open(tmp_path / f"00000{i}.png") for i in range(2)]
    assert [(image.size, image.getpixel((0, 0))) for image in pixels] == [((5, 4), (0, 0, 0)), ((5, 4), (255, 255, 255))]


def test_points_are_no_images(tmp_path):
    with pytest.raises(InputError, match="format=png needs images, and this GAN makes samples of 2x1x1"):
        PNG()(Sheet(torch.zeros(3, 2, 1, 1)), request(), tmp_path)
