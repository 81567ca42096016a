"""Jobs and their ranks, from folders as jobs leave them."""

from functools import partial

import pytest

from gan_lab.sweep import ranking
from tests.sweep import left
from tests.sweep.left import finished, jobs


@pytest.fixture
def leave(tmp_path):
    """Leaves a job's folder behind in the sweep of this test."""
    return partial(left.leave, tmp_path / "sweep")


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


def course(better, best):
    return {"first": 0.0, "final": best, "best": best, "better": better}


def judged(leave, job, modes, quality, kl=0.5):
    done = finished(modes, "modes", "max", best=modes)
    done["scores"] |= {"val/high_quality": course("max", quality), "val/kl_modes": course("min", kl)}
    done["final_judgement"]["scores"] |= {"high_quality": quality, "kl_modes": kl}
    return leave(job, [f"model={job}"], **done)


@pytest.mark.parametrize(
    ("qualities", "kls", "by", "order"),
    [
        ((0.1, 0.3), (0.1, 0.5), "high_quality", "10"),
        ((0.1, 0.1), (0.1, 0.5), "kl_modes", "01"),
        ((0, 0), (1, 1), "modes", "01"),
    ],
)
def test_where_the_main_metric_is_equal_in_all_jobs_the_next_that_is_not_ranks_them(leave, qualities, kls, by, order):
    for job, (quality, kl) in enumerate(zip(qualities, kls, strict=True)):
        sweep = judged(leave, job, 0, quality, kl)
    found = ranking.by_what_differs(ranking.collect(sweep))
    assert {job.primary for job in found} == {by}
    assert "".join(row.options["model"] for row in ranking.rank(ranking.group(found))) == order


def test_a_main_metric_that_differs_or_that_one_job_has_alone_stays(leave):
    judged(leave, 0, 0, 0.1)
    sweep = leave(1, ["model=1"], status="failed", error="x", primary="modes", mode="max")
    assert {job.primary for job in ranking.by_what_differs(ranking.collect(sweep))} == {"modes"}
    judged(leave, 2, 1, 0.1)
    assert {job.primary for job in ranking.by_what_differs(ranking.collect(sweep))} == {"modes"}


def test_a_search_tells_jobs_of_equal_main_metric_apart_by_the_next_and_no_others(leave):
    for job, values in enumerate([(0, 0.1, 0.5), (0, 0.2, 0.9), (0, 0.2, 0.8), (1, 0.0, 9.0)]):
        sweep = judged(leave, job, *values)
    objectives = [job.objective for job in ranking.collect(sweep)]
    assert sorted(objectives, reverse=True) == objectives
    assert len(set(objectives)) == 4
    assert objectives == pytest.approx([0, 0, 0, -1], abs=1e-5)
