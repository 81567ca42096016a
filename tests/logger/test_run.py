"""What a dashboard is told of the runs of a command line."""

import pytest

from gan_lab.cli.command import command
from gan_lab.logger.run import describe


@pytest.fixture
def runs(call):
    """The descriptions of a command's runs, none of which trains."""

    def start(*arguments):
        told = []
        call(lambda: command("train", lambda cfg: told.append(describe(cfg, resumed_at=0))), *arguments)
        return told

    return start


def test_a_run_is_called_by_model_data_and_seed(runs):
    (run,) = runs("model=wgan_gp", "data=gaussians", "seed=3", "penalty=r1", "hydra.run.dir=run")
    assert (run.name, run.group, run.tags) == ("wgan_gp-gaussians-3", "wgan_gp-gaussians", ["wgan_gp", "gaussians"])


def test_the_choices_are_the_option_of_each_group_and_the_seed(runs):
    (run,) = runs("model=wgan_gp", "data=gaussians", "penalty=[r1,dragan]", "seed=3", "hydra.run.dir=run")
    choices = run.choices
    given = {"model": "wgan_gp", "data": "gaussians", "network": "mlp", "optimizer": "adam_wgan_gp", "penalty": "r1+dragan",
             "regularizer": "none", "metric": "modes", "seed": 3}  # fmt: skip
    assert given.items() <= choices.items()
    assert not {"callback", "logger", "trainer", "clip_grad_norm"} & choices.keys()
    assert all(isinstance(choice, str | int) for choice in choices.values())
    assert run.config["data"]["batch_size"] == 256


def test_a_group_without_an_option_says_none(runs):
    (run,) = runs("model=gan", "data=gaussians", "metric=none", "penalty=[none]", "hydra.run.dir=run")
    assert (run.choices["penalty"], run.choices["metric"]) == ("none", "none")


def test_the_runs_of_a_sweep_are_one_group_and_their_names_tell_what_varies(runs):
    swept = ["penalty=none,[r1,dragan]", "data/layout=grid", "optimizer.d.lr=0.1,0.2"]
    told = runs("-m", *swept, "model=wgan", "data=gaussians", "seed=5", "max_images=64", "hydra.sweep.dir=sweeps/mine")
    assert {run.group for run in told} == {"mine"}
    assert {tuple(run.tags) for run in told} == {("wgan", "gaussians")}
    varied = [f"{penalty}-optimizer.d.lr={rate}" for penalty in ("none", "r1+dragan") for rate in (0.1, 0.2)]
    assert [run.name for run in told] == [f"wgan-gaussians-{words}-5" for words in varied]


@pytest.mark.slow
def test_a_job_that_goes_on_alone_keeps_its_name_and_group(runs):
    (job, _) = runs("-m", "model=gan", "data=gaussians", "penalty=r1,r2", "max_images=64", "hydra.sweep.dir=mine")
    (alone,) = runs("model=gan", "data=gaussians", "penalty=r1", "max_images=128", "hydra.run.dir=mine/0")
    assert (alone.name, alone.group) == (job.name, job.group) == ("gan-gaussians-r1-0", "mine")


@pytest.mark.slow
def test_model_data_and_seed_that_vary_are_told_once(runs):
    told = runs("-m", "model=gan,wgan", "data=gaussians", "data/layout=grid,ring", "seed=choice(1)", "hydra.sweep.dir=sweep")
    layouts = [(model, layout) for model in ("gan", "wgan") for layout in ("grid", "ring")]
    assert [run.name for run in told] == [f"{model}-gaussians-{layout}-1" for model, layout in layouts]


@pytest.mark.slow
def test_what_a_file_lets_the_sweeper_vary_is_told_too(runs, tmp_path):
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    file = "# @package _global_\nhydra: {sweeper: {params: {log_every_steps: '8,9', seed: '4'}}}\n"
    (tmp_path / "mine" / "experiment" / "mine.yaml").write_text(file)
    told = runs("-m", "experiment=mine", "model=gan", "data=gaussians", "hydra.sweep.dir=sweep", "--config-dir", "mine")
    assert [run.name for run in told] == [f"gan-gaussians-log_every_steps={steps}-4" for steps in (8, 9)]


def test_where_a_sweeper_keeps_no_record_every_override_is_told(runs, monkeypatch):
    monkeypatch.setattr("gan_lab.logger.run.swept", lambda sweep: [])
    (run,) = runs("-m", "model=gan", "data=gaussians", "penalty=r1", "optimizer.d.lr=0.00044303752", "hydra.sweep.dir=sweep")
    assert run.name == "gan-gaussians-r1-optimizer.d.lr=0.000443-0"
