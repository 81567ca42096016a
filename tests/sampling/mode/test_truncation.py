import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.sampling.mode.truncation import BOUNDS, SHARES, TruncationLadder
from tests.sampling.runs import request


@pytest.mark.parametrize(("name", "values"), [("stylegan2", SHARES), ("dcgan", BOUNDS)])
def test_a_row_is_one_sample_at_rising_truncation(name, values):
    asked = request(name, n=3)
    sheet = TruncationLadder()(asked)
    rows = sheet.samples.unflatten(0, (3, len(values)))
    assert sheet.columns == len(values) and sheet.facts["truncation"] == list(values)
    torch.testing.assert_close(rows[:, 1], asked.gan.sample(3, seed=0, truncation=values[1]))
    apart = (rows[0] - rows[1]).flatten(1).norm(dim=1)
    assert apart[0] < apart[-1]  # variety rises


def test_what_cannot_be_truncated_is_refused():
    with pytest.raises(InputError, match="needs styles or normal latents, and this GAN has neither"):
        TruncationLadder()(request("uniform"))
    with pytest.raises(InputError, match="mode=truncation sets truncation= itself"):
        TruncationLadder()(request(truncation=0.5))
