"""Tables of sweeps, from folders as jobs leave them."""

import csv
from dataclasses import replace
from functools import partial

import pytest
from rich.console import Console

from gan_lab.sweep import results
from gan_lab.sweep.ranking import Row
from tests.sweep import left
from tests.sweep.left import JOB, finished


@pytest.fixture
def leave(tmp_path):
    """Leaves a job's folder behind in the sweep of this test."""
    return partial(left.leave, tmp_path / "sweep")


def test_lists_quotes_and_commas_survive(leave):
    leave(0, ["penalty=[r1,lecam]", "+name='a, b'"], **finished(1.0))
    sweep = leave(1, ["penalty=none", "+name='c'"], **finished(2.0))
    results.show(sweep)
    with (sweep / "sweep.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["penalty"], line["name"]) for line in lines] == [("[r1,lecam]", "a, b"), ("none", "c")]


def test_the_csv_has_a_line_per_job_with_all_that_is_known(leave):
    leave(0, ["model=gan", "seed=0"], **finished(3.0, best=2.0), images_seen=64, seconds=1.5)
    sweep = leave(1, ["model=wgan", "seed=0"], status="failed", error="it broke", primary="fd", mode="min")
    assert results.show(sweep)
    with (sweep / "sweep.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {"job": "0", "folder": str(sweep / "0"), "model": "gan", "status": "finished", "primary": "fd",
                     "best": "2.0", "chosen": "3.0", "images_seen": "64", "seconds": "1.5", "error": ""}  # fmt: skip
    assert (second["status"], second["error"], second["chosen"]) == ("failed", "it broke", "")


def test_the_table_names_the_best_job_and_each_failure(leave, capsys):
    leave(0, ["model=gan"], **finished(3.0))
    leave(1, ["model=[x]"], **finished(1.0))
    sweep = leave(2, ["model=wgan"], status="failed", error="it broke\nbadly", primary="fd", mode="min")
    results.show(sweep)
    said = capsys.readouterr().out
    assert f"best       {sweep / '1'}\n" in said
    assert f"failed     {sweep / '2'}: it broke\n" in said
    assert "│ 1 │ [x] " in said


def test_other_scores_that_can_be_better_stand_beside_with_mean_and_deviation(leave, capsys):
    for seed, recall in enumerate((0.5, 0.7)):
        done = finished(1.0)
        done["scores"]["val/recall"] = {"best": 1.0}
        done["scores"]["val/d_train"] = {"final": 1.0}
        done["final_judgement"]["scores"] |= {"recall": recall, "d_train": 9.0}
        sweep = leave(seed, ["model=gan", f"seed={seed}"], **done)
    results.show(sweep)
    said = capsys.readouterr().out
    assert "0.6 ± 0.14" in said
    assert "d_train" not in said
    with (sweep / "sweep.csv").open(newline="") as file:
        assert [line["recall"] for line in csv.DictReader(file)] == ["0.5", "0.7"]


def test_on_a_narrow_screen_headers_stay_whole_and_other_scores_give_way():
    others = {f"another_score_{number}": 0.125 for number in range(6)}
    rows = [Row({"model": name}, [replace(JOB, others=others)]) for name in ("improved_gan", "gan")]
    narrow = Console(width=80)
    with narrow.capture() as captured:
        narrow.print(results.table(rows, narrow.width))
    lines = captured.get().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [cell.strip() for cell in lines[2].split("┃")[1:-1]] == [
        "",
        "model",
        "mean",
        "sd",
        "another_score_0",
        "finished",
        "failed",
    ]
    assert "│ improved_gan │" in captured.get()
    assert "also in sweep.csv: another_score_1, another_score_2" in captured.get()


def test_options_fold_where_they_alone_are_too_wide_and_no_header_is_cut():
    options = {"model": "improved_gan", "penalty": "[r1,lecam]", "optimizer.d.lr": "0.0002", "network.generator.width": "64"}
    narrow = Console(width=80)
    with narrow.capture() as captured:
        narrow.print(results.table([Row(options, [replace(JOB, others={"modes": 8.0})])], narrow.width))
    said = captured.get()
    assert all(len(line) <= 80 for line in said.splitlines())
    head = said.splitlines()[2 : next(n for n, line in enumerate(said.splitlines()) if line.startswith("┡"))]
    told = ["".join(part.strip() for part in column) for column in zip(*(line.split("┃")[1:-1] for line in head), strict=True)]
    assert told == ["", *options, "mean", "sd", "finished", "failed"]
    assert "…" not in said and "also in sweep.csv: modes" in said


def test_a_metric_that_tells_no_jobs_apart_is_named_with_the_one_that_ranks_them(leave, capsys):
    for job, quality in enumerate((0.1, 0.3)):
        done = finished(0, "modes", "max")
        done["scores"]["val/high_quality"] = {"best": quality, "better": "max"}
        done["final_judgement"]["scores"]["high_quality"] = quality
        sweep = leave(job, [f"model={'ab'[job]}"], **done)
    results.show(sweep)
    said = capsys.readouterr().out
    assert "modes is 0 in every job and tells none apart: the rows are ranked by high_quality\n" in said
    assert "high_quality (max)" in said and "│ 1 │ b " in said
    with (sweep / "sweep.csv").open(newline="") as file:
        assert [(line["primary"], line["chosen"]) for line in csv.DictReader(file)] == [("modes", "0")] * 2


def test_jobs_that_no_metric_tells_apart_have_no_best(leave, capsys):
    for job in range(2):
        sweep = leave(job, [f"model={'ab'[job]}"], **finished(0, "modes", "max"))
    results.show(sweep)
    said = capsys.readouterr().out
    assert "modes is 0 in every job and tells none apart: their order says nothing\n" in said
    assert "best " not in said


def test_jobs_of_different_metrics_are_ranked_within_their_own(leave, capsys):
    for number, (data, model, value, metric, mode) in enumerate(
        [
            ("d", "a", 5.0, "fd", "min"),
            ("d", "b", 1.0, "fd", "min"),
            ("g", "a", 5.0, "modes", "max"),
            ("g", "b", 1.0, "modes", "max"),
        ]
    ):
        sweep = leave(number, [f"data={data}", f"model={model}"], **finished(value, metric, mode))
    assert not results.show(sweep)
    said = capsys.readouterr().out
    assert said.index("fd (min)") < said.index("│ 1 │ b ") < said.index("modes (max)") < said.index("│ 1 │ a ")


def test_a_number_that_a_search_drew_is_shown_in_four_digits(capsys, leave):
    leave(0, ["optimizer.g.lr=0.00044303752452182633"], **finished(1.0))
    results.show(leave(1, ["optimizer.g.lr=2e-4"], **finished(2.0)))
    assert [line.split()[3] for line in capsys.readouterr().out.splitlines() if line.startswith("│")] == ["0.000443", "2e-4"]


def test_jobs_without_a_metric_are_listed(leave, capsys):
    sweep = leave(0, ["model=gan"], status="finished", primary=None, mode=None, scores={})
    assert not results.show(sweep)
    said = capsys.readouterr().out
    assert "1" in said and "no metric chooses a checkpoint" in said and "None" not in said


def test_a_sweep_that_began_no_job_shows_nothing(tmp_path, capsys):
    assert not results.show(tmp_path)
    assert not capsys.readouterr().out
