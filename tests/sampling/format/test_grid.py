import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from gan_lab.sampling.format.grid import Grid
from gan_lab.sampling.mode import Sheet
from tests.sampling.runs import request


def test_the_picture_has_the_columns_of_the_sheet(tmp_path):
    wide, tall = (Grid()(Sheet(torch.zeros(6, 1, 8, 8), columns), request(mode=f"m{columns}"), tmp_path) for columns in (6, 1))
    assert wide.name == "m6-seed0.png"
    assert Image.open(wide).width > Image.open(wide).height
    assert Image.open(tall).width < Image.open(tall).height


def test_the_modes_of_points_are_marked(tmp_path):
    path = Grid()(Sheet(torch.zeros(4, 2, 1, 1)), request("points"), tmp_path)
    red, green, blue = pil_to_tensor(Image.open(path).convert("RGB")).int()
    rows, columns = (((red > blue + 60) & (red > green + 60)).any(axis).nonzero().flatten() for axis in (1, 0))
    gaps = [int((positions.diff() > 3).sum()) for positions in (rows, columns)]
    assert gaps == [4, 4]  # a ring of eight, seen from the side: five rows and five columns
