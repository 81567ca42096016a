import pytest
from omegaconf import OmegaConf

from gan_lab.errors import InputError, nearest, pick, require


def test_the_nearest_choice_is_offered_and_a_far_one_is_not():
    assert nearest("wgan_pg", ["wgan_gp", "dcgan"]) == "; did you mean 'wgan_gp'?"
    assert nearest("zzz", ["wgan_gp", "dcgan"]) == ""


def test_a_choice_is_picked_or_refused_with_all_that_there_are():
    assert pick({"a": 1}, "a", "mode") == 1
    with pytest.raises(InputError, match=r"^mode=grdi does not exist \(choices: grid, png\); did you mean 'grid'\?$"):
        pick({"grid": 1, "png": 2}, "grdi", "mode")


@pytest.mark.parametrize(
    ("value", "kind", "sentence"),
    [
        (0, int, "n=0 is invalid: give a whole number of at least 1"),
        (1.5, int, "n=1.5 is invalid: give a whole number of at least 1"),
        (True, int, "n=True is invalid: give a whole number of at least 1"),
        ("many", (int, float), "n=many is invalid: give a number of at least 1"),
    ],
)
def test_a_number_of_the_wrong_type_or_below_its_minimum_is_refused(value, kind, sentence):
    with pytest.raises(InputError) as error:
        require(OmegaConf.create({"n": value}), {"n": 1}, kind)
    assert str(error.value) == sentence


def test_missing_values_and_configured_objects_are_skipped():
    require(OmegaConf.create({"n": None, "d_steps": {"_target_": "x.Y"}}), {"n": 1, "d_steps": 1, "other": 1}, int)
    require(OmegaConf.create({"seed": -5}), {"seed": None}, int)
