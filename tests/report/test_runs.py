import json

import pytest
from omegaconf import OmegaConf

from gan_lab.report import runs
from tests.report.folders import FD, config, draw, summary, write_run


def collect(*folders, max_grids=12):
    return runs.collect(folders, max_grids)


def test_a_finished_run(tmp_path):
    (run,) = collect(write_run(tmp_path / "run", end=summary()))
    assert (run.status, run.primary, run.value, run.baseline) == ("finished", "fd_digits8", 11.0, {"fd_digits8": 0.5})
    assert run.series("val/fd_digits8") == [*FD.items()]
    assert (run.name, run.title, run.images_seen, [*run.grids]) == ("run", "run", 400, [0, 200, 400])
    assert not run.problems


def test_a_run_that_is_not_over_has_its_best_score_from_its_rows(tmp_path):
    (run,) = collect(write_run(tmp_path / "run"))
    assert (run.status, run.value, run.images_seen) == ("unfinished", None, 400)
    assert run.best("fd_digits8") == 10.0


def test_a_stopped_run_that_goes_on_is_unfinished(tmp_path):
    (run,) = collect(write_run(tmp_path / "run", end=summary(status="stopped", images_seen=200)))
    assert (run.status, run.images_seen) == ("unfinished", 400)


def test_a_failed_run_has_its_reason_and_no_value(tmp_path):
    (run,) = collect(write_run(tmp_path / "run", end=summary(status="failed", error="diverged")))
    assert (run.status, run.error, run.value) == ("failed", "diverged", None)


def test_a_job_that_failed_before_it_began_is_told_by_what_hydra_composed(tmp_path):
    for job, model in enumerate(("gan", "wgan")):
        hydra = tmp_path / str(job) / ".hydra"
        hydra.mkdir(parents=True)
        (hydra / "overrides.yaml").write_text("[]")
        OmegaConf.save(OmegaConf.create(config(model) | {"max": "${seed}"}), hydra / "config.yaml")
    first, second = collect(tmp_path / "0", tmp_path / "1")
    assert (first.title, second.title, first.status) == ("gan", "wgan", "unfinished")


def test_a_row_that_is_being_written_does_not_hide_the_others(tmp_path):
    folder = write_run(tmp_path / "run")
    with (folder / "metrics.csv").open("a") as file:
        file.write("450,1e-")
    (run,) = collect(folder)
    assert run.series("val/fd_digits8") == [*FD.items()]
    assert run.images_seen == 400


def test_files_that_cannot_be_read_are_named_and_the_rest_is_shown(tmp_path):
    folder = write_run(tmp_path / "run")
    (folder / "summary.json").write_text("{")
    (folder / "config.yaml").write_text("a: [")
    (folder / "samples" / "0000000300.png").write_bytes(b"\x89PNG")
    (run,) = collect(folder)
    assert [problem.split(" cannot")[0] for problem in run.problems] == [
        "run/config.yaml",
        "run/summary.json",
        "samples/0000000300.png",
    ]
    assert [*run.grids] == [0, 200, 400]


def test_grids_are_limited_and_evenly_chosen(tmp_path):
    folder = write_run(tmp_path / "run", grids=range(0, 1100, 100))
    (folder / "samples" / "notes.png").write_text("not a grid")
    (run,) = collect(folder, max_grids=3)
    assert [*run.grids] == [0, 500, 1000]


def test_evaluations_are_read(tmp_path):
    folder = write_run(tmp_path / "run")
    draw(folder / "evaluation" / "nearest.png")
    (folder / "evaluation" / "kid.json").write_text(json.dumps({"kid": 0.1}))
    (run,) = collect(folder)
    assert [*run.pictures] == ["nearest.png"]
    assert run.records == {"kid.json": {"kid": 0.1}}


@pytest.mark.parametrize("better", ["min", "max", None])
def test_the_better_direction_is_the_one_that_the_run_stated(tmp_path, better):
    log = [{"images_seen": images, "val/other": value} for images, value in ((1, 0.2), (2, 0.9), (3, 0.5))]
    course = {"first": 0.2, "final": 0.5} | ({} if better is None else {"better": better})
    (run,) = collect(write_run(tmp_path / "run", log=log, end=summary(scores={"val/other": course})))
    assert (run.mode("other"), run.mode("fd_digits8")) == (better, "min")
    assert run.best("other") == {"min": 0.2, "max": 0.9, None: None}[better]


@pytest.mark.parametrize(
    "stated",
    [{"metric": {"primary": "modes", "mode": "max"}}, {"metric": {}, "primary": "modes", "primary_mode": "max"}],
    ids=["version 0.1", "now"],
)
def test_a_run_that_is_not_over_states_its_metric_in_its_configuration(tmp_path, stated):
    (run,) = collect(write_run(tmp_path / "run", config() | stated))
    assert (run.primary, run.mode("modes")) == ("modes", "max")


def test_an_old_run_calls_its_baseline_a_floor(tmp_path):
    end = summary()
    end["floor"] = end.pop("baseline")
    (run,) = collect(write_run(tmp_path / "run", end=end))
    assert run.baseline == {"fd_digits8": 0.5}
