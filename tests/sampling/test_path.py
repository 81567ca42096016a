import pytest
import torch

from gan_lab.errors import InputError
from gan_lab.sampling.path import Default, GreatCircle, Straight, Styles
from tests.sampling.runs import request


@pytest.mark.parametrize(
    ("path", "name", "space", "keeps_length"),
    [
        (GreatCircle(), "dcgan", "z", True),
        (Straight(), "dcgan", "z", False),
        (Default(), "dcgan", "z", True),
        (Default(), "stylegan2", "w", False),
        (Styles(), "stylegan2", "w", False),
        (GreatCircle(), "stylegan2", "z", True),
    ],
)
def test_a_path_knows_its_space_and_its_shape(path, name, space, keeps_length):
    found, between = path.of(request(name))
    middle = between(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), torch.tensor([0.5]))
    assert (found.name, bool(middle.norm() > 0.99)) == (space, keeps_length)


def test_styles_need_a_generator_that_has_some():
    with pytest.raises(InputError, match="path=styles needs a generator with styles"):
        Styles().of(request())
