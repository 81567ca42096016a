import torch
from PIL import Image

from gan_lab.sampling.format.gif import GIF
from gan_lab.sampling.mode import Sheet
from tests.sampling.runs import request


def test_a_frame_for_each_step_at_its_speed(tmp_path):
    levels = torch.tensor([-1.0, 0.0, 1.0] * 2).view(6, 1, 1, 1).expand(-1, 1, 8, 8)
    path = GIF(fps=5)(Sheet(levels, 3), request(mode="walk"), tmp_path)
    with Image.open(path) as image:
        assert (path.name, image.n_frames, image.info["duration"], image.info["loop"]) == ("walk-seed0.gif", 3, 200, 0)
