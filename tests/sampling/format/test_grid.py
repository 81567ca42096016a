import torch
from PIL import Image

from gan_lab.sampling.format.grid import Grid
from gan_lab.sampling.mode import Sheet
from tests.sampling.runs import request


def test_the_picture_has_the_columns_of_the_sheet(tmp_path):
    wide, tall = (Grid()(Sheet(torch.zeros(6, 1, 8, 8), columns), request(mode=f"m{columns}"), tmp_path) for columns in (6, 1))
    assert wide.name == "m6-seed0.png"
    assert Image.open(wide).width > Image.open(wide).height
    assert Image.open(tall).width < Image.open(tall).height
