"""The size of images: one number for squares, or a height and a width."""

from collections.abc import Sequence
from typing import Any

from gan_lab.errors import InputError


def height_and_width(image_size: int | Sequence[int]) -> tuple[int, int]:
    """Return (H, W) of an ``image_size``, which is the side of squares or [H, W]; refuse anything else."""
    is_list = isinstance(image_size, Sequence) and not isinstance(image_size, str)
    sides: list[Any] = [*image_size] if is_list else [image_size] * 2  # type: ignore[misc]  # seen to be a list
    if len(sides) != 2 or not all(type(side) is int and side >= 1 for side in sides):
        raise InputError(
            f"data.image_size={image_size} is invalid: give a whole number of at least 1, or two as [HEIGHT,WIDTH]"
        )
    return sides[0], sides[1]


def as_given(height: int, width: int) -> int | list[int]:
    """Return the ``image_size`` of a height and a width: one number for squares."""
    return height if height == width else [height, width]
