import pytest

from gan_lab.schedules import Constant, Cosine, Linear, value


def test_linear_is_a_straight_line_flat_outside():
    line = Linear(last_image=300, start=2.0, end=0.0, first_image=100)
    assert [line(seen) for seen in (0, 100, 200, 300, 400)] == [2, 2, 1, 0, 0]


def test_cosine_agrees_with_linear_at_ends_and_middle_and_is_flat_at_the_ends():
    cosine = Cosine(last_image=100)
    assert [cosine(seen) for seen in (0, 50, 100)] == pytest.approx([1, 0.5, 0])
    assert 1 - cosine(1) < 1e-3


def test_a_number_and_a_schedule_are_read_alike():
    assert value(3.0, 10) == 3.0
    assert value(Constant(3.0), 10) == 3.0
    assert value(Linear(last_image=20), 10) == 0.5
