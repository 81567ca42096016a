from types import SimpleNamespace

import torch
from torch.nn.functional import one_hot

from gan_lab.plot.lines import Lines


def samples(*lines, channels=6):
    return one_hot(torch.tensor(lines), channels).movedim(-1, 1).float()


def test_the_most_probable_characters_are_shown_up_to_the_padding():
    display = Lines("ba ")
    assert display.decode(samples([3, 2, 3, 1], [2, 4, 3, 3], [1, 1, 1, 1])) == ["aba", "b aa", ""]
    assert display.decode(0.4 * samples([2, 3]) + 0.6 * samples([3, 3])) == ["aa"]


def test_what_no_character_stands_for_has_a_symbol_of_its_own():
    assert Lines("·").decode(samples([2, 1, 2, 1])) == ["···"]
    assert Lines("ab").decode(samples([0, 2, 1, 3, 5])) == ["�a·b�"]


def test_a_file_has_a_line_per_sample_and_gaps_between_rows(tmp_path):
    display, given = Lines("ab"), samples([2, 1], [3, 2], [1, 1], [3, 3])
    display.save(given, tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "a\nba\n\nbb\n"
    display.save(given, tmp_path / "b.txt", columns=2)
    assert (tmp_path / "b.txt").read_text() == "a\nba\n\n\nbb\n"


def test_lines_are_logged_where_a_logger_takes_them(tmp_path):
    display, shown = Lines("aé"), []
    display.save(samples([3, 2], [1, 1]), tmp_path / "a.txt")
    for logger in (SimpleNamespace(log_lines=lambda *given: shown.append(given)), SimpleNamespace()):
        display.log(logger, tmp_path / "a.txt", {"images_seen": 3})
    assert shown == [("samples/lines", ["éa", ""], {"images_seen": 3})]
