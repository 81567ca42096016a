import pytest
from omegaconf import OmegaConf

from gan_lab.report import titles
from gan_lab.report.runs import collect as collect_runs
from gan_lab.run_folder import flatten
from tests.report.folders import config, write_run
from tests.tiny import CONF, MODELS


def collect(*folders):
    return collect_runs(folders, 0)


def test_titles_are_the_fewest_words_and_values_that_tell_runs_apart(tmp_path):
    penalised = config("wgan", penalty={"r1": {}, "r2": {}})
    slow = config("wgan", optimizer={"d": {"lr": 1e-5}})
    folders = [write_run(tmp_path / str(job), cfg) for job, cfg in enumerate((config(), penalised, config("wgan"), slow))]
    assert [run.title for run in collect(*folders)] == [
        "dcgan",
        "wgan, r1+r2",
        "wgan, d.lr=0.0002",
        "wgan, d.lr=1e-05",
    ]


def test_a_run_that_only_lacks_what_another_has_says_so(tmp_path):
    folders = [write_run(tmp_path / name, config(penalty={key: {} for key in name.split("+")})) for name in ("r1", "r1+r2")]
    folders.append(write_run(tmp_path / "plain"))
    assert [run.title for run in collect(*folders)] == ["r1", "r1+r2", "no penalty"]


def test_a_seed_stands_last(tmp_path):
    cfgs = [config(seed=seed, optimizer={"d": {"lr": rate}}) for seed in (0, 1) for rate in (1, 2)]
    told = [run.title for run in collect(*(write_run(tmp_path / str(job), cfg) for job, cfg in enumerate(cfgs)))]
    assert told == ["d.lr=1, seed=0", "d.lr=2, seed=0", "d.lr=1, seed=1", "d.lr=2, seed=1"]


def test_repetitions_differ_in_their_seeds_and_their_place_alone():
    told = [dict(flatten(cfg)) for cfg in (config(), config(seed=1, folder="b"), config("wgan", seed=1))]
    assert titles.repetitions([*told, {}, {}]) == [[0, 1], [2], [3], [4]]


DATE = "2026-11-27_08-00-0{}"


def test_many_runs_of_one_change_each_are_told_by_it_and_none_by_its_date(tmp_path):
    changes = [{}, *({f"key{number}": 1} for number in range(titles.MOST_WORDS + 3))]
    cfgs = [*(config(**change) for change in changes), config("wgan", penalty={"r1": {}})]
    folders = [write_run(tmp_path / DATE.format(job), cfg) for job, cfg in enumerate(cfgs)]
    told = [run.title for run in collect(*folders)]
    assert told == ["dcgan", *(f"dcgan, key{number}=1" for number in range(titles.MOST_WORDS + 3)), "wgan"]


def test_runs_that_only_many_values_tell_apart_are_told_by_their_folders(tmp_path):
    keys = [f"key{number}" for number in range(titles.MOST_WORDS + titles.MOST_UNUSUAL + 1)]
    cfgs = [config(**dict.fromkeys(keys, run)) for run in range(2)] + [config(**dict.fromkeys(keys, run)) for run in range(2)]
    folders = [write_run(tmp_path / str(job), cfg) for job, cfg in enumerate(cfgs)]
    assert [run.title for run in collect(*folders)] == ["key0=0, 0", "key0=1, 1", "key0=0, 2", "key0=1, 3"]


def test_runs_that_differ_in_nothing_are_told_by_their_folders(tmp_path):
    folders = [write_run(tmp_path / name) for name in ("a/x", "b/x")]
    assert [run.title for run in collect(*folders)] == ["a/x", "b/x"]


def test_differences_leave_out_what_is_equal_what_repeats_and_where_a_run_lies():
    seeded = config() | {"seed": 1, "callback": {"samples": {"folder": "elsewhere"}}}
    seeded["model"]["seed"] = 1
    found = titles.differences([dict(flatten(config())), {}, dict(flatten(seeded))])
    assert found == {"seed": [0, None, 1]}  # the second run has no configuration


@pytest.mark.parametrize("data", ["digits", "gaussians", "blobs", "dirac", "fake", "cifar10", "celeba"])
def test_data_are_called_as_on_the_command_line(data):
    assert titles.words({"data": OmegaConf.to_container(OmegaConf.load(CONF / "data" / f"{data}.yaml"))})["data"] == data


@pytest.mark.parametrize("model", MODELS)
def test_models_are_called_as_on_the_command_line(model):
    assert titles.words({"model": OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{model}.yaml"))})["model"] == model


def test_what_names_the_run_folder_keeps_no_seeds_apart():
    """Every path into the run folder is given as ``folder``."""
    nodes = [OmegaConf.to_container(OmegaConf.load(path)) for path in (CONF / "callback").glob("*.yaml")]
    keys = {key for node in nodes for key, value in flatten(node) if "${folder}" in str(value)}
    assert len(keys) > 3
    assert all(key.rsplit(".", 1)[-1] in titles.PLACES for key in keys)
