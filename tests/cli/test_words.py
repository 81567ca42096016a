import math
from typing import Annotated

import pytest
from annotated_types import Ge, Le

from gan_lab.cli.options import Rule
from gan_lab.cli.schema import TrainKeys
from gan_lab.cli.words import count, shown, words
from gan_lab.errors import InputError
from gan_lab.ranges import BelowOne, Count, OpenFraction, Positive, PositiveOrInfinite, Text


@pytest.mark.parametrize(
    ("hint", "value", "right"),
    [
        (int, True, "a whole number"),
        (float, 3, None),
        (float, True, "a number"),
        (Positive, math.inf, "a finite number above 0"),
        (PositiveOrInfinite, math.inf, None),
        (PositiveOrInfinite, math.nan, "a finite number above 0"),
        (tuple[float, float], [0.5, 1], None),
        (tuple[float, float], [0.5], "a list, each a number"),
        (OpenFraction, 1, "a number above 0 and below 1"),
        (BelowOne, 1.0, "a number from 0 to below 1"),
        (Annotated[int, Ge(2), Le(5)], 6, "a whole number of at least 2 and at most 5"),
        (Count | None, None, None),
        (Text, "", "a text that is not empty"),
        (dict[int, Count], {64: 0}, "a mapping, as {NAME: VALUE}"),
    ],
)
def test_a_type_and_its_range_are_said_in_plain_words(hint, value, right):
    if right is None:
        return Rule(hint).check("key", value)
    with pytest.raises(InputError) as error:
        Rule(hint).check("key", value)
    assert str(error.value) == f"key={shown(value)} is invalid: give {right}"
    return None


def test_words_of_a_choice():
    assert words(TrainKeys.__annotations__["primary_mode"]) == "one of min, max"


def test_a_count_is_singular_of_one_alone():
    assert [count(n, "broken image") for n in (0, 1, 1200)] == ["0 broken images", "1 broken image", "1,200 broken images"]
    assert [count(n, noun) for noun in ("class", "batch") for n in (1, 2)] == ["1 class", "2 classes", "1 batch", "2 batches"]
