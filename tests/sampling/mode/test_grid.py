import pytest
import torch

from gan_lab.sampling.mode.grid import RandomSamples
from tests.sampling.runs import request


@pytest.mark.parametrize(("classes", "columns"), [(None, 3), ([2, 0], 2)])
def test_samples_are_those_of_the_library_with_their_labels(classes, columns):
    asked = request("cgan", n=7, classes=classes)
    sheet = RandomSamples()(asked)
    torch.testing.assert_close(sheet.samples, asked.gan.sample(7, seed=0, classes=classes))
    assert sheet.columns == columns
    assert sheet.labels.tolist() == [(classes or [0, 1, 2])[i % columns] for i in range(7)]
