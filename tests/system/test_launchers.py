"""Where a sweep's jobs run, and who chooses them: `launcher=` and `hparams_search=`."""

import csv
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from gan_lab import train
from gan_lab.cli.compose import CONF, check, compose, composer
from gan_lab.errors import InputError
from tests.sweep.toy import TOY


@pytest.fixture
def run(call):
    """A command whose configuration makes it a sweep in which a job fails: the lines of sweep.csv."""

    def start(*overrides):
        with pytest.raises(SystemExit) as exit_:
            call(train.main, *TOY, *overrides)
        assert exit_.value.code == 1
        with Path("sweep/sweep.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    return start


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_jobs_run_in_processes_of_their_own_and_one_that_fails_ends_alone(run, launcher):
    jobs = run(f"launcher={launcher}", "data.batch_size=64,100000", "data.num_workers=1")
    assert [(job["data.batch_size"], job["status"]) for job in jobs] == [("64", "finished"), ("100000", "failed")]


@pytest.mark.slow
def test_a_search_goes_for_the_best_validation_and_a_diverged_trial_is_a_bad_one(run):
    space = ["optimizer.d.lr=1e-3,1e30", "optimizer.g.lr=tag(log, interval(1e-4, 1e-2))"]
    toy = ["model=lsgan", "optimizer=sgd", "log_every_steps=1", "primary=high_quality"]
    jobs = run("hparams_search=optuna", "hydra.sweeper.n_trials=12", *toy, *space)  # after 10 at random the sampler learns
    assert len(jobs) == 12
    assert {job["status"] for job in jobs} == {"finished", "failed"}
    assert all((job["status"] == "failed") == (float(job["optimizer.d.lr"]) == 1e30) for job in jobs)
    found = OmegaConf.load("sweep/optimization_results.yaml")
    assert -found.best_value == max(float(job["best"]) for job in jobs if job["status"] == "finished")


@pytest.mark.parametrize("data", ["gaussians", "digits"])
def test_a_search_minimises_whatever_the_metric(data):
    cfg = compose("train", ["hparams_search=optuna", f"data={data}"], with_hydra=True)
    assert cfg.hydra.sweeper.direction == "minimize"
    assert list(cfg.hydra.sweeper.params) == ["optimizer.g.lr", "optimizer.d.lr"]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["metric=none"], "a search needs a score to go by"),
        (["data=gaussians,fake"], "a search needs a score to go by"),
        (["optimizer.g.lrr=interval(1e-5,1e-3)"], "there is no option 'optimizer.g.lrr'; did you mean 'optimizer.g.lr'?"),
        (["penalty=none,dragn"], "there is no penalty 'dragn'"),
    ],
)
def test_what_a_search_cannot_do_is_said_before_it_begins(overrides, sentence):
    with pytest.raises(InputError) as error:
        check("train", ["hparams_search=optuna", *overrides])
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["data=gaussians"],
        ["data=gaussians", "optimizer.g.lr=interval(1e-5,1e-3)", "model.d_steps=range(1,3)"],
        ["data=gaussians,blobs", "hydra.sweeper.direction=maximize"],
    ],
)
def test_a_search_over_intervals_and_choices_is_accepted(overrides):
    check("train", ["hparams_search=optuna", *overrides])


def test_a_misspelt_value_in_a_sweep_that_stands_in_a_file_is_named(tmp_path):
    (tmp_path / "sweep").mkdir()
    file = "# @package _global_\nhydra: {sweeper: {params: {model: 'gan,dcgn', penalty: nope}}}\n"
    (tmp_path / "sweep" / "mine.yaml").write_text(file)
    with composer("train", str(tmp_path)), pytest.raises(InputError, match="there is no model 'dcgn'"):
        check("train", ["sweep=mine", "penalty=r1"])


def test_a_launcher_that_is_not_installed_is_named_with_its_extra():
    with pytest.raises(InputError, match=r"there is no hydra/launcher 'nope' .*pip install 'gan_lab\[sweep\]'"):
        check("train", ["hydra/launcher=nope"])


def test_slurm_gets_a_partition_and_a_job_that_is_queued_again_goes_on():
    cfg = compose("train", ["launcher=submitit", "hydra.launcher.partition=gpu"], with_hydra=True)
    assert cfg.hydra.launcher._target_.endswith("SlurmLauncher")
    assert (cfg.hydra.launcher.partition, cfg.hydra.launcher.gpus_per_node, cfg.resume) == ("gpu", 1, "auto")
    assert cfg.hydra.launcher.max_num_timeout > 0


GROUPS = ("launcher", "hparams_search", "sweep")


@pytest.mark.parametrize("option", [f"{group}={path.stem}" for group in GROUPS for path in (CONF / group).glob("*")])
def test_every_launcher_search_and_sweep_needs_no_flag_to_be_a_sweep(option):
    cfg = compose("train", [option, "data=gaussians"], with_hydra=True)
    assert str(cfg.hydra.mode) == "RunMode.MULTIRUN"


@pytest.mark.slow
def test_the_landscape_is_108_jobs_that_compose_and_are_judged_alike():
    check("train", ["sweep=landscape"])
    cfg = compose("train", ["sweep=landscape"], with_hydra=True)
    values = {key: str(text).split(",") for key, text in cfg.hydra.sweeper.params.items()}
    assert [len(options) for options in values.values()] == [3, 4, 3, 3]
    for study in values["experiment"]:
        cfg = compose("train", [f"experiment={study}", "model=wgan", "penalty=r1"])
        assert (cfg.primary, list(cfg.metric), cfg.model.d_steps) == ("high_quality", ["modes"], 1)
        assert cfg.network.discriminator.norm != "batch"
