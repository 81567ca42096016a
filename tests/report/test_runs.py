import json

import pytest
from omegaconf import OmegaConf

from gan_lab.errors import InputError
from gan_lab.report import runs
from tests.report.folders import FD, config, draw, summary, write_run
from tests.tiny import CONF, MODELS


def collect(*folders, max_grids=12):
    return runs.collect(folders, max_grids)


def test_a_pattern_a_list_a_run_and_a_sweep_are_found_in_the_order_of_jobs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("sweep/10", "sweep/9", "outputs/gan-digits/one", "outputs/gan-digits/two"):
        write_run(tmp_path / name)
    (tmp_path / "outputs" / "a file").write_text("")

    def found(given):
        folders, others = runs.find(given)
        assert not others
        return [str(folder) for folder in folders]

    assert found("sweep") == ["sweep/9", "sweep/10"]
    assert found("outputs/*") == found("outputs") == ["outputs/gan-digits/one", "outputs/gan-digits/two"]
    assert found(["sweep/10", "outputs/gan-digits/t*", "sweep/10"]) == ["sweep/10", "outputs/gan-digits/two"]
    assert found(str(tmp_path / "sweep" / "*")) == [str(tmp_path / "sweep/9"), str(tmp_path / "sweep/10")]


def test_a_folder_whose_name_is_a_pattern_is_that_folder(tmp_path):
    folder = write_run(tmp_path / "run[1]*")
    assert runs.find(str(folder)) == ([folder], [])


def test_what_lies_in_a_run_is_no_run_of_its_own(tmp_path):
    folder = write_run(tmp_path / "run")
    write_run(folder / "wandb" / "files")
    assert runs.find(str(tmp_path)) == ([folder], [])


def test_folders_that_are_no_runs_are_told_apart(tmp_path):
    write_run(tmp_path / "run")
    (tmp_path / "other").mkdir()
    assert runs.find(f"{tmp_path}/*") == ([tmp_path / "run"], [tmp_path / "other"])


@pytest.mark.parametrize(
    ("given", "sentence"), [(None, "which runs"), ("nowhere/*", "no folder 'nowhere/"), (".", "there is no run in ")]
)
def test_without_a_run_one_sentence_says_so(tmp_path, monkeypatch, given, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=sentence):
        runs.find(given)


def test_a_finished_run(tmp_path):
    (run,) = collect(write_run(tmp_path / "run", end=summary()))
    assert (run.status, run.primary, run.value, run.floor) == ("finished", "fd_digits8", 11.0, {"fd_digits8": 0.5})
    assert run.series("val/fd_digits8") == [*FD.items()]
    assert (run.name, run.title, run.images_seen, [*run.grids]) == ("run", "run", 400, [0, 200, 400])
    assert not run.problems


def test_a_run_that_is_not_over_has_its_best_score_from_its_rows(tmp_path):
    (run,) = collect(write_run(tmp_path / "run"))
    assert (run.status, run.value, run.images_seen) == ("unfinished", None, 400)
    assert run.course("fd_digits8") == {"first": 90.0, "final": 12.0, "best": 10.0}


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
    first, second = collect(*runs.find(str(tmp_path))[0])
    assert (first.title, second.title, first.status) == ("gan", "wgan", "unfinished")


def test_a_row_that_is_being_written_does_not_hide_the_others(tmp_path):
    folder = write_run(tmp_path / "run")
    with (folder / "metrics.csv").open("a") as file:
        file.write("450,1e-")
    (run,) = collect(folder)
    assert run.series("val/fd_digits8") == [*FD.items()]
    assert run.images_seen == 450


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


@pytest.mark.parametrize(
    ("better", "best", "mode"), [("min", 0.2, "min"), ("max", 0.9, "max"), ("unknown", None, None)], ids=str
)
def test_which_way_a_score_is_better_is_read_off_its_best_value(tmp_path, better, best, mode):
    log = [{"images_seen": images, "val/other": value} for images, value in ((1, 0.2), (2, 0.9), (3, 0.5))]
    course = {"first": 0.2, "final": 0.5} | ({} if best is None else {"best": best})
    (run,) = collect(write_run(tmp_path / "run", log=log, end=summary(scores={"val/other": course})))
    assert run.mode("other") == mode
    assert run.mode("fd_digits8") == "min"


def test_titles_are_the_fewest_words_and_values_that_tell_runs_apart(tmp_path):
    penalised = config("wgan", penalty={"r1": {}, "r2": {}})
    slow = config("wgan", optimizer={"d": {"lr": 1e-5}})
    folders = [write_run(tmp_path / str(job), cfg) for job, cfg in enumerate((config(), penalised, config("wgan"), slow))]
    assert [run.title for run in collect(*folders)] == [
        "dcgan, none, d.lr=0.0002",
        "wgan, r1+r2, d.lr=0.0002",
        "wgan, none, d.lr=0.0002",
        "wgan, none, d.lr=1e-05",
    ]


def test_runs_that_only_many_values_tell_apart_are_told_by_their_folders(tmp_path):
    keys = [f"key{number}" for number in range(runs.MOST_WORDS + 1)]
    cfgs = [config(), *(config(**{key: 1}) for key in keys), config("wgan")]
    folders = [write_run(tmp_path / str(job), cfg) for job, cfg in enumerate(cfgs)]
    titles = [run.title for run in collect(*folders)]
    assert titles == [*(f"dcgan, {job}" for job in range(len(keys) + 1)), "wgan"]


def test_runs_that_differ_in_nothing_are_told_by_their_folders(tmp_path):
    folders = [write_run(tmp_path / name) for name in ("a/x", "b/x")]
    assert [run.title for run in collect(*folders)] == ["a/x", "b/x"]


def test_differences_leave_out_what_is_equal_what_repeats_and_where_a_run_lies(tmp_path):
    seeded = config() | {"seed": 1, "callback": {"samples": {"folder": "elsewhere"}}}
    seeded["model"]["seed"] = 1
    found = runs.differences(collect(write_run(tmp_path / "a"), write_run(tmp_path / "b", seeded)))
    assert found == {"seed": [0, 1]}


@pytest.mark.parametrize("data", ["digits", "gaussians", "blobs", "dirac", "fake", "cifar10", "celeba"])
def test_data_are_called_as_on_the_command_line(data):
    assert runs.words({"data": OmegaConf.to_container(OmegaConf.load(CONF / "data" / f"{data}.yaml"))})["data"] == data


@pytest.mark.parametrize("model", MODELS)
def test_models_are_called_as_on_the_command_line(model):
    assert runs.words({"model": OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{model}.yaml"))})["model"] == model
