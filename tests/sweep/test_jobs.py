"""Sweeps, called as a command: `python -m gan_lab.train -m ...`."""

import csv
import gc
import json
import signal
import sys
from pathlib import Path

import pytest
from matplotlib import pyplot as plt
from omegaconf import OmegaConf

from gan_lab import train
from gan_lab.callback.stop_condition import StopCondition
from gan_lab.cli.compose import compose
from gan_lab.errors import InputError
from gan_lab.sweep import jobs
from tests.sweep.toy import TOY
from tests.tiny import MODELS


@pytest.fixture
def run(call):
    """A sweep in the folder ``sweep``: its exit status and the lines of sweep.csv."""

    def start(*overrides, **options):
        status = 0
        try:
            call(train.main, "-m", *TOY, *overrides, **options)
        except SystemExit as exit_:
            status = exit_.code
        with Path("sweep/sweep.csv").open(newline="") as file:
            return status, list(csv.DictReader(file))

    return start


@pytest.mark.slow
def test_a_job_that_diverges_is_a_failure_of_its_own_and_the_exit_status_is_1(run, capsys):
    status, jobs = run("model=lsgan", "optimizer=sgd", "optimizer.d.lr=1e30,1e-3", "seed=0,1", "log_every_steps=1")
    assert status == 1
    assert [job["status"] for job in jobs] == ["failed", "failed", "finished", "finished"]
    assert "diverged" in jobs[0]["error"]
    table = [[cell.strip() for cell in line.split("│")] for line in capsys.readouterr().out.splitlines()[-30:]]
    rows = [(cells[2], *cells[-3:-1]) for cells in table if len(cells) > 2 and cells[1].isdigit()]
    assert rows == [("0.001", "2", "0"), ("1e+30", "0", "2")]


def test_a_failure_is_written_with_its_metric_beside_what_the_run_wrote_before(run):
    status, (job,) = run("model=lsgan", "optimizer=sgd", "optimizer.d.lr=1e30", "log_every_steps=1")
    content = json.loads(Path("sweep/0/summary.json").read_text())
    assert (content["status"], content["primary"], content["mode"]) == ("failed", "modes", "max")
    assert content["error"] == job["error"]
    assert "diverged" in job["error"]
    assert content["versions"]["gan_lab"]
    assert status == 1


@pytest.mark.slow
def test_a_sweep_in_a_folder_of_another_leaves_its_runs_as_they_are(run, capsys):
    run("seed=0")
    before = {path: path.read_bytes() for path in Path("sweep/0").rglob("*") if path.is_file() and ".hydra" not in path.parts}
    status, (job,) = run("seed=0")
    assert "'sweep/0' holds a run already" in capsys.readouterr().err.replace(str(Path.cwd()) + "/", "")
    assert (status, job["status"]) == (0, "finished")
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.slow
def test_bad_input_of_one_job_is_one_sentence_and_the_next_job_runs(run, capsys):
    status, jobs = run("data.batch_size=100000,64")
    assert (status, [job["status"] for job in jobs]) == (1, ["failed", "finished"])
    said = capsys.readouterr().err
    assert "sweep/0 failed: data.batch_size=100000" in said
    assert "Traceback" not in said
    assert not Path("sweep/0/error.txt").exists()


@pytest.mark.slow
def test_a_mistake_in_the_code_leaves_its_traceback_and_the_next_job_runs(run, monkeypatch, capsys):
    original = StopCondition.on_train_batch_end

    def trip(self, trainer, gan, *args):
        if gan.seed == 1:
            raise ZeroDivisionError("by nought")
        original(self, trainer, gan, *args)

    monkeypatch.setattr(StopCondition, "on_train_batch_end", trip)
    status, jobs = run("seed=1,2")
    assert (status, [job["status"] for job in jobs]) == (1, ["failed", "finished"])
    assert jobs[0]["error"] == "ZeroDivisionError: by nought"
    assert "in trip" in Path("sweep/0/error.txt").read_text()
    assert "in trip" in capsys.readouterr().err


@pytest.mark.slow  # tests/test_train.py stops a single run
def test_ctrl_c_ends_the_sweep_with_what_there_is_and_status_130(run, monkeypatch, capsys):
    original = StopCondition.on_train_batch_end

    def interrupt(self, trainer, gan, *args):
        if gan.seed == 1:
            signal.raise_signal(signal.SIGINT)
        original(self, trainer, gan, *args)

    monkeypatch.setattr(StopCondition, "on_train_batch_end", interrupt)
    status, jobs = run("seed=0,1,2")
    assert (status, [job["status"] for job in jobs]) == (130, ["finished", "stopped"])
    assert "modes (max)" in capsys.readouterr().out


def test_ctrl_c_before_training_ends_the_sweep_with_status_130_too(run, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "check_numbers", interrupt)
    status, jobs = run("seed=0,1")
    assert (status, [job["error"] for job in jobs]) == (130, ["no summary.json"])


@pytest.mark.slow
def test_a_complete_job_that_is_taken_up_again_keeps_its_value(run):
    _, (first,) = run("seed=3")
    _, (second,) = run("seed=3", "resume=auto")
    assert first == second


@pytest.mark.parametrize("metric", [["data=gaussians"], ["data=gaussians", "primary=kl_modes"], ["metric=none"]])
def test_a_failed_job_is_worth_the_worst(tmp_path, monkeypatch, metric):
    cfg = compose("train", metric)
    (tmp_path / ".hydra").mkdir()
    OmegaConf.save([*metric], tmp_path / ".hydra" / "overrides.yaml")
    config = {"mode": jobs.RunMode.MULTIRUN, "runtime": {"output_dir": str(tmp_path)}}
    monkeypatch.setattr(jobs.HydraConfig, "get", staticmethod(lambda: OmegaConf.create(config)))

    def fail(cfg):
        raise InputError("no")

    assert jobs.job(fail)(cfg) == float("inf")


def test_outside_a_sweep_a_failure_is_raised(call):
    with pytest.raises(SystemExit, match=r"gan_lab: data\.batch_size=100000"):
        call(train.main, *TOY, "data.batch_size=100000", "hydra.run.dir=run")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux lists open files")
def test_jobs_in_one_process_leave_no_open_files_and_no_figures(run):
    run("seed=0", curves=True)
    before = open_files()
    run("seed=1,2", "hydra.sweep.dir=second", curves=True)
    assert open_files() <= before
    assert not plt.get_fignums()


def open_files():
    gc.collect()
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.slow
def test_every_model_trains_on_digits_and_is_ranked(call, capsys):
    widths = ["network.generator.width=32", "network.discriminator.width=32"]
    call(train.main, "-m", "model=glob(*)", "data=digits", "max_images=20000", "logger=csv", "hydra.sweep.dir=sweep", *widths)
    with Path("sweep/sweep.csv").open(newline="") as file:
        jobs = {job["model"]: job for job in csv.DictReader(file)}
    assert sorted(jobs) == MODELS
    assert {job["status"] for job in jobs.values()} == {"finished"}
    table = capsys.readouterr().out.rpartition("fd_digits8 (min) of the chosen checkpoint")[2]
    rows = [[cell.strip() for cell in line.split("│")] for line in table.splitlines()]
    shown = [cells[2] for cells in rows if len(cells) > 2 and cells[1].isdigit()]
    assert shown == sorted(MODELS, key=lambda model: float(jobs[model]["chosen"]))


@pytest.mark.slow
def test_the_sweep_of_the_readme_runs_all_24_jobs(run):
    status, jobs = run("model=gan,lsgan,hinge,wgan", "model.d_steps=1", "penalty=none,r1,dragan", "seed=0,1")
    assert (status, len(jobs)) == (0, 24)
    assert {job["status"] for job in jobs} == {"finished"}
    assert len({(job["model"], job["penalty"], job["seed"]) for job in jobs}) == 24
    assert Path("sweep/heat_map.png").stat().st_size > 1000
