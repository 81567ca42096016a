import numpy as np
import torch

from gan_lab.sampling.format.npz import NPZ
from gan_lab.sampling.mode import Sheet
from tests.sampling.runs import request


def test_images_and_points_have_their_usual_shapes(tmp_path):
    for made, shape, kind in [((3, 1, 8, 6), (3, 8, 6, 1), np.uint8), ((3, 2, 1, 1), (3, 2), np.float32)]:
        with np.load(NPZ()(Sheet(torch.zeros(made), labels=torch.arange(3)), request(), tmp_path)) as arrays:
            assert (arrays["images"].shape, arrays["images"].dtype) == (shape, kind)
            assert arrays["labels"].tolist() == [0, 1, 2]
    with np.load(NPZ()(Sheet(torch.zeros(1, 1, 8, 8)), request(), tmp_path)) as arrays:
        assert arrays.files == ["images"]
