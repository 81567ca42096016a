import json
import math

import pytest
import torch

from gan_lab import __version__
from gan_lab.evaluation import result
from gan_lab.evaluation.metric.frechet import Frechet
from gan_lab.evaluation.metric.kernel import Kernel
from gan_lab.evaluation.metric.memorisation import Memorisation
from gan_lab.evaluation.result import EvalResult, latex, markdown, show, way, write

FACTS = {
    "run": "outputs/a_b",
    "extractor": "eyes",
    "n_fake": 2000,
    "n_reference": 60_000,
    "n_floor": 1500,
    "eval": {"seeds": [0, 1]},
}
SCORES = {"frechet": Frechet(), "kernel": Kernel(), "memorisation": Memorisation()}


def made(seeds=({"fd_eyes": 2.0, "kd_eyes": 0.5}, {"fd_eyes": 4.0, "kd_eyes": 0.5}), floor=None, notes=(), **facts):
    floor = {"fd_eyes": 1.0} if floor is None else floor
    return EvalResult.of(list(seeds), floor, SCORES, FACTS | facts, list(notes), 1.234)


# ----- values ---------------------------------------------------------------------------------------------------------


def test_mean_and_deviation_over_seeds_beside_the_floor():
    value = made().values["fd_eyes"]
    assert (value.mean, value.sd, value.seeds, value.floor, value.better) == (3, math.sqrt(2), [2, 4], 1, "min")
    assert made().values["kd_eyes"].floor is None


def test_one_seed_has_no_deviation():
    assert made(seeds=[{"fd_eyes": 2.0}]).values["fd_eyes"].sd is None


def test_the_versions_and_the_seconds():
    versions = made().versions
    assert (versions["gan_lab"], versions["torch"]) == (__version__, torch.__version__.split("+")[0])
    assert made().seconds == 1.2


def test_the_title_says_of_whom_by_whose_eyes_and_beside_what():
    assert made().title == "outputs/a_b: eyes, 2,000 samples, 60,000 reference images"
    assert made(run=None, a="images", n_reference=None).title == "images: eyes, 2,000 samples"


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("fid", "min"),
        ("clean_fid", "min"),
        ("fid_infinity", "min"),
        ("fid_infinity_residual", None),
        ("kid_std", None),
        ("clean_is_std", None),
        ("is_mean", "max"),
        ("clean_is_mean", "max"),
        ("copies", "min"),
        ("d_accuracy_train", None),
        ("unknown", None),
    ],
)
def test_which_way_is_better(name, better):
    assert way(name, {"fid": "min", "kid": "min", "is": "max", "copies": "min"}) == better


# ----- metrics.json ---------------------------------------------------------------------------------------------------


def test_a_record_comes_back_and_nothing_else_is_left(tmp_path):
    write(made(notes=["a note"]), tmp_path)
    assert result.read(tmp_path) == made(notes=["a note"])
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]


def test_others_can_read_it(tmp_path):
    write(made(), tmp_path)
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert set(content) == {"values", "protocol", "notes", "versions", "seconds"}
    assert content["values"]["fd_eyes"]["seeds"] == [2.0, 4.0]
    assert content["protocol"] == FACTS


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"values": {"a": 1}}', None])
def test_a_damaged_record_is_none(tmp_path, content):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    assert result.read(tmp_path) is None


def test_a_failure_leaves_the_former_record(tmp_path, monkeypatch):
    write(made(), tmp_path)
    monkeypatch.setattr(result.Path, "replace", lambda *paths: (_ for _ in ()).throw(OSError("no space left on device")))
    with pytest.raises(OSError, match="no space"):
        write(made(seeds=[{"fd_eyes": 9.0}]), tmp_path)
    monkeypatch.undo()
    assert result.read(tmp_path) == made()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]


# ----- tables ---------------------------------------------------------------------------------------------------------


def test_markdown_has_a_row_per_run_and_the_reals():
    other = made(seeds=[{"fd_eyes": 123456.0}], run="x|y")
    assert markdown([made(), other]).splitlines() == [
        "| run | fd_eyes | kd_eyes |",
        "| --- | --- | --- |",
        "| outputs/a_b | 3 ± 1.4 | 0.5 ± 0 |",
        "| x\\|y | 1.235e+05 |  |",
        "| real images | 1 |  |",
    ]


def test_without_a_floor_there_is_no_row_of_reals():
    assert "real images" not in markdown([made(floor={})])


def test_latex_escapes_what_comes_from_a_run():
    lines = latex([made(run="a_b&c%{d}~e^f\\g")]).splitlines()
    assert lines[0] == r"\begin{tabular}{lrr}"
    assert lines[2] == r"run & fd\_eyes & kd\_eyes \\"
    assert lines[4] == r"a\_b\&c\%\{d\}\textasciitilde{}e\textasciicircum{}f\textbackslash{}g & 3 $\pm$ 1.4 & 0.5 $\pm$ 0 \\"
    assert lines[-1] == r"\end{tabular}"


@pytest.fixture
def wide(monkeypatch):
    """A terminal of 200 columns."""
    monkeypatch.setenv("COLUMNS", "200")


def test_the_screen_shows_values_floors_and_notes(wide, capsys):
    show([made(notes=["images are [few]"])], "table")
    out = capsys.readouterr().out
    for word in (
        "outputs/a_b: eyes",
        "mean of 2 seed(s)",
        "1,500 other reals",
        "fd_eyes",
        "1.414",
        "lower",
        "note: images are [few]",
    ):
        assert word in out


def test_names_that_look_like_markup_stay_as_they_are(wide, capsys):
    show([made(run="[red]run[/red]", seeds=[{"[b]x": 1.0}])], "table")
    out = capsys.readouterr().out
    assert "[red]run[/red]" in out
    assert "[b]x" in out


@pytest.mark.parametrize(("form", "beginning"), [("markdown", "| run |"), ("latex", r"\begin{tabular}")])
def test_tables_for_papers_are_printed_as_they_are(capsys, form, beginning):
    show([made(run="[red]" + "x" * 300)], form)
    out = capsys.readouterr().out
    assert out.startswith(beginning)
    assert "[red]" + "x" * 300 in out  # no line is broken


def test_a_bar_counts_the_images_of_all_processes(monkeypatch):
    monkeypatch.setattr("gan_lab.evaluation.features.process", lambda: (0, 2))
    monkeypatch.setattr("rich.progress.Progress.advance", lambda self, task, count: told.append(count))
    told = []
    with result.progress() as begin:
        begin("reals", 100)(7)
    assert told == [14]
