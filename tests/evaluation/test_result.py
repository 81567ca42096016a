import json
import math
from pathlib import Path

import pytest
import torch

from gan_lab import __version__
from gan_lab.evaluation import result
from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.result import EvalResult, latex, markdown, show, write

FACTS = {
    "run": "outputs/a_b",
    "extractors": {"eyes": {}},
    "n_fake": 2000,
    "n_reference": 60_000,
    "n_held_out": 1500,
    "seeds": [0, 1],
}
QUANTITIES = {"fd_eyes": Quantity("min"), "kd_eyes": Quantity("min", "nats"), "[b]x": Quantity(None)}


def made(seeds=({"fd_eyes": 2.0, "kd_eyes": 0.5}, {"fd_eyes": 4.0, "kd_eyes": 0.5}), baseline=None, notes=(), **facts):
    baseline = {"fd_eyes": 1.0} if baseline is None else baseline
    return EvalResult.of(list(seeds), baseline, QUANTITIES, FACTS | facts, list(notes), 1.234)


# ----- values ---------------------------------------------------------------------------------------------------------


def test_mean_and_deviation_over_seeds_beside_the_baseline():
    value = made().values["fd_eyes"]
    assert (value.mean, value.sd, value.seeds, value.baseline, value.better) == (3, math.sqrt(2), [2, 4], 1, "min")
    assert (made().values["kd_eyes"].baseline, made().values["kd_eyes"].unit) == (None, "nats")


def test_a_name_that_some_seed_has_no_value_for_is_left_out():
    assert set(made(seeds=[{"fd_eyes": 2.0, "kd_eyes": 1.0}, {"fd_eyes": 3.0}]).values) == {"fd_eyes"}


def test_one_seed_has_no_deviation():
    assert made(seeds=[{"fd_eyes": 2.0}]).values["fd_eyes"].sd is None


def test_the_versions_and_the_seconds():
    versions = made().versions
    assert (versions["gan_lab"], versions["torch"]) == (__version__, torch.__version__.split("+")[0])
    assert made().seconds == 1.2


def test_the_title_names_images_extractors_and_numbers():
    assert made().title == "outputs/a_b: eyes, 2,000 samples, 60,000 reference images"
    assert made(run=None, samples="images", n_reference=None).title == "images: eyes, 2,000 samples"


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


def test_without_a_baseline_there_is_no_row_of_reals():
    assert "real images" not in markdown([made(baseline={})])


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


def test_the_screen_shows_values_baselines_and_notes(wide, capsys):
    show([made(notes=["images are [few]"])], "table", [Path("kept")])
    out = capsys.readouterr().out
    for word in (
        "outputs/a_b: eyes",
        "mean of 2 seeds",
        "1,500 other reals",
        "fd_eyes",
        "1.414",
        "lower",
        "kd_eyes, nats",
        "note: images are [few]",
        "kept in kept/metrics.json",
    ):
        assert word in out


def test_names_that_look_like_markup_stay_as_they_are(wide, capsys):
    show([made(run="[red]run[/red]", seeds=[{"[b]x": 1.0}])], "table", [Path("kept")])
    out = capsys.readouterr().out
    assert "[red]run[/red]" in out
    assert "[b]x" in out


@pytest.mark.parametrize(("form", "beginning"), [("markdown", "| run |"), ("latex", r"\begin{tabular}")])
def test_tables_for_papers_are_printed_as_they_are(capsys, form, beginning):
    show([made(run="[red]" + "x" * 300)], form, [])
    out = capsys.readouterr().out
    assert out.startswith(beginning)
    assert "[red]" + "x" * 300 in out  # no line is broken
