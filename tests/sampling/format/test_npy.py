from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from omegaconf import open_dict

from gan_lab.sampling.format.npy import NPY
from gan_lab.sampling.mode import Sheet
from tests.sampling.runs import request


def test_the_array_has_the_units_of_the_data(tmp_path):
    sheet = Sheet(torch.tensor([-1.0, 0.0, 1.0]).view(3, 1, 1, 1).expand(-1, 1, 8, 8))
    assert np.load(NPY()(sheet, request(), tmp_path))[:, 0, 0, 0].tolist() == [0, 128, 255]
    config = deepcopy(request().run.config)
    with open_dict(config):
        config.data.range = [0.0, 10.0]
    asked = request(run=replace(request().run, config=config))
    made = np.load(NPY()(sheet, asked, tmp_path))
    assert (made.dtype, made[:, 0, 0, 0].tolist()) == (np.float32, [0.0, 5.0, 10.0])
