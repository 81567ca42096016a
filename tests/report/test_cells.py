import pytest

from gan_lab.report import cells


@pytest.mark.parametrize(
    ("x", "told"), [(0.5441, "0.5441"), (12345.678, "12,346"), (59632, "59,632"), (1e-7, "1e-07"), (8.0, "8")]
)
def test_numbers_are_short(x, told):
    assert cells.short(x) == told


@pytest.mark.parametrize(("seconds", "told"), [(7.25, "7.25 s"), (600, "10 min"), (36000, "10.0 h"), (None, "")])
def test_times_are_words(seconds, told):
    assert cells.duration(seconds).text == told


@pytest.mark.parametrize(
    ("found", "told"),
    [({"mean": 0.25, "sd": 0.0123}, "0.25 ± 0.012"), ({"mean": 2, "sd": None}, "2"), ({}, ""), ({"sd": 1}, "")],
)
def test_a_mean_stands_with_its_deviation(found, told):
    cell = cells.spread(found)
    assert (cell.text, cell.key) == (told, found.get("mean", ""))


@pytest.mark.parametrize(("values", "told"), [([], ""), ([0.5, 0.5], "0.5"), ([0.5, 0.25, 1.5], "0.25 to 1.5")])
def test_values_that_differ_are_a_range(values, told):
    assert cells.span(values).text == told


def test_a_column_without_any_text_is_left_out():
    rows = [[cells.text("a"), cells.number(None), cells.number(0)], [cells.text(None), cells.number(True), cells.number(1)]]
    table = cells.without_empty(cells.Table(["one", "two", "three"], rows))
    assert table.headers == ["one", "three"]
    assert [[cell.text for cell in row] for row in table.rows] == [["a", "0"], ["", "1"]]
