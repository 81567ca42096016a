import pytest

from gan_lab.errors import InputError, nearest, pick


def test_the_nearest_choice_is_offered_and_a_far_one_is_not():
    assert nearest("wgan_pg", ["wgan_gp", "dcgan"]) == "; did you mean 'wgan_gp'?"
    assert nearest("zzz", ["wgan_gp", "dcgan"]) == ""


def test_a_choice_is_picked_or_refused_with_all_that_there_are():
    assert pick({"a": 1}, "a", "mode") == 1
    with pytest.raises(InputError, match=r"^mode=grdi does not exist \(choices: grid, png\); did you mean 'grid'\?$"):
        pick({"grid": 1, "png": 2}, "grdi", "mode")
