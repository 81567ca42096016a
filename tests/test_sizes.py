import pytest
from omegaconf import OmegaConf

from gan_lab.errors import InputError
from gan_lab.sizes import as_given, height_and_width


@pytest.mark.parametrize(
    ("given", "sides"), [(8, (8, 8)), ([8, 16], (8, 16)), ((16, 8), (16, 8)), (OmegaConf.create([4, 4]), (4, 4))]
)
def test_one_number_or_two(given, sides):
    assert height_and_width(given) == sides
    assert as_given(*sides) == (sides[0] if sides[0] == sides[1] else list(sides))


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "8", True, [8], [8, 0], [8, 8, 8], "12", None])
def test_anything_else_is_refused(wrong):
    with pytest.raises(InputError, match="is invalid: give a whole number of at least 1, or two as"):
        height_and_width(wrong)
