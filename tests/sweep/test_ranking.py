"""Tables of sweeps, from folders as jobs leave them."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from gan_lab.sweep import ranking
from gan_lab.sweep.ranking import Job, Row

JOB = Job(Path("0"), {}, "finished", "fd", "min", best=2.0, chosen=3.0, others={}, images_seen=10, seconds=1.5, error=None)


@pytest.fixture
def leave(tmp_path):
    """Leaves a job's folder behind: its options, and its summary unless it was killed."""

    def write(name, overrides, **summary):
        folder = tmp_path / "sweep" / str(name)
        (folder / ".hydra").mkdir(parents=True)
        OmegaConf.save(overrides, folder / ".hydra" / "overrides.yaml")
        OmegaConf.save({"primary": "fd", "primary_mode": "min"}, folder / ".hydra" / "config.yaml")
        if summary:
            (folder / "summary.json").write_text(json.dumps(summary))
        return tmp_path / "sweep"

    return write


def finished(value, primary="fd", mode="min", best=0.0):
    scores = {f"val/{primary}": {"first": 9.0, "final": 9.0, "best": best}}
    judgement = {"images_seen": 5, "scores": {primary: value}}
    return {"status": "finished", "primary": primary, "mode": mode, "scores": scores, "final_judgement": judgement}


def jobs(*values, mode="min", **options):
    """A job per value; None fails."""
    done = [
        replace(JOB, mode=mode, chosen=v, status="failed" if v is None else "finished", folder=Path(str(n)))
        for n, v in enumerate(values)
    ]
    return [replace(job, overrides={key: str(given[n]) for key, given in options.items()}) for n, job in enumerate(done)]


def test_the_value_is_the_chosen_checkpoints_on_fresh_latents_and_the_objective_the_best_validation(leave):
    (job,) = ranking.collect(leave(0, ["model=gan", "seed=1"], **finished(3.0, best=2.0)))
    assert (job.value, job.objective, job.overrides) == (3.0, 2.0, {"model": "gan", "seed": "1"})


def test_a_job_that_was_killed_counts_as_failed_and_is_ranked_with_its_metric(leave):
    (job,) = ranking.collect(leave(0, ["model=gan"]))
    assert (job.status, job.error, job.primary, job.objective) == ("failed", "no summary.json", "fd", float("inf"))


def test_a_failed_job_has_no_value_whatever_it_reached_before(leave):
    (job,) = ranking.collect(leave(0, ["model=gan"], **finished(1.0) | {"status": "failed", "error": "x"}))
    assert (job.value, job.objective) == (None, float("inf"))


def test_a_score_that_is_no_number_is_no_value(leave):
    (job,) = ranking.collect(leave(0, ["model=gan"], **finished(float("nan"), mode="max", best=float("nan"))))
    assert (job.value, job.objective) == (None, float("inf"))


def test_a_search_minimises_the_negative_of_what_should_rise(leave):
    (job,) = ranking.collect(leave(0, ["model=gan"], **finished(3.0, mode="max", best=2.0)))
    assert job.objective == -2


def test_jobs_stand_in_the_order_of_their_numbers(leave):
    for number in (10, 2, 0):
        folder = leave(number, [f"seed={number}"], **finished(1.0))
    assert [job.folder.name for job in ranking.collect(folder)] == ["0", "2", "10"]


def test_jobs_that_differ_only_in_their_seed_are_one_row_with_mean_and_deviation():
    rows = ranking.group(jobs(1.0, 4.0, None, 7.0, model=["a", "a", "a", "b"], seed=[0, 1, 2, 0], size=[8, 8, 8, 8]))
    assert [row.options for row in rows] == [{"model": "a"}, {"model": "b"}]
    assert (rows[0].mean, rows[0].sd) == (2.5, pytest.approx(4.5**0.5))
    assert (rows[0].count("finished"), rows[0].count("failed")) == (2, 1)
    assert (rows[1].mean, rows[1].sd) == (7.0, None)


@pytest.mark.parametrize(("mode", "order"), [("min", ["b", "a", "c"]), ("max", ["a", "b", "c"])])
def test_the_best_row_stands_first_and_one_with_only_failures_last(mode, order):
    rows = ranking.rank(ranking.group(jobs(5.0, 1.0, None, mode=mode, model=["a", "b", "c"])))
    assert [row.options["model"] for row in rows] == order


def test_lists_quotes_and_commas_survive(leave):
    leave(0, ["penalty=[r1,lecam]", "+name='a, b'"], **finished(1.0))
    sweep = leave(1, ["penalty=none", "+name='c'"], **finished(2.0))
    ranking.show(sweep)
    with (sweep / "sweep.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["penalty"], line["name"]) for line in lines] == [("[r1,lecam]", "a, b"), ("none", "c")]


def test_the_csv_has_a_line_per_job_with_all_that_is_known(leave):
    leave(0, ["model=gan", "seed=0"], **finished(3.0, best=2.0), images_seen=64, seconds=1.5)
    sweep = leave(1, ["model=wgan", "seed=0"], status="failed", error="it broke", primary="fd", mode="min")
    assert ranking.show(sweep)
    with (sweep / "sweep.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert first == {"job": "0", "folder": str(sweep / "0"), "model": "gan", "status": "finished", "primary": "fd",
                     "best": "2.0", "chosen": "3.0", "images_seen": "64", "seconds": "1.5", "error": ""}  # fmt: skip
    assert (second["status"], second["error"], second["chosen"]) == ("failed", "it broke", "")


def test_the_table_names_the_best_job_and_each_failure(leave, capsys):
    leave(0, ["model=gan"], **finished(3.0))
    leave(1, ["model=[x]"], **finished(1.0))
    sweep = leave(2, ["model=wgan"], status="failed", error="it broke\nbadly", primary="fd", mode="min")
    ranking.show(sweep)
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
    ranking.show(sweep)
    said = capsys.readouterr().out
    assert "0.6 ± 0.14" in said
    assert "d_train" not in said
    with (sweep / "sweep.csv").open(newline="") as file:
        assert [line["recall"] for line in csv.DictReader(file)] == ["0.5", "0.7"]


def test_on_a_narrow_screen_options_keep_their_names_and_other_scores_give_way():
    others = {f"another_score_{number}": 0.125 for number in range(6)}
    rows = [Row({"model": name}, [replace(JOB, others=others)]) for name in ("improved_gan", "gan")]
    narrow = Console(width=80)
    with narrow.capture() as captured:
        narrow.print(ranking.table(rows))
    assert "│ improved_gan │" in captured.get()


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
    assert not ranking.show(sweep)
    said = capsys.readouterr().out
    assert said.index("fd (min)") < said.index("│ 1 │ b ") < said.index("modes (max)") < said.index("│ 1 │ a ")


def test_a_number_that_a_search_drew_is_shown_in_four_digits(capsys, leave):
    leave(0, ["optimizer.g.lr=0.00044303752452182633"], **finished(1.0))
    ranking.show(leave(1, ["optimizer.g.lr=2e-4"], **finished(2.0)))
    assert [line.split()[3] for line in capsys.readouterr().out.splitlines() if line.startswith("│")] == ["0.000443", "2e-4"]


def test_jobs_without_a_metric_are_listed(leave, capsys):
    sweep = leave(0, ["model=gan"], status="finished", primary=None, mode=None, scores={})
    assert not ranking.show(sweep)
    assert "1" in capsys.readouterr().out


def test_a_sweep_that_began_no_job_shows_nothing(tmp_path, capsys):
    assert not ranking.show(tmp_path)
    assert not capsys.readouterr().out
