import numpy as np
import torch

from gan_lab.sampling.frames import frames
from gan_lab.sampling.mode import Sheet
from tests.sampling.runs import request


def test_a_frame_shows_the_same_step_of_all_rows():
    levels = torch.tensor([-1.0, 0.0, 1.0] * 4).view(12, 1, 1, 1).expand(-1, 1, 8, 8)  # four rows of three steps
    made = [np.asarray(frame) for frame in frames(Sheet(levels, 3), request())]
    assert len({frame.shape for frame in made}) == 1
    assert [int(np.median(frame)) for frame in made] == [0, 128, 255]
