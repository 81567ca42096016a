import os
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf

from gan_lab import train
from gan_lab.errors import InputError
from gan_lab.training import distributed
from tests.tiny import TINY

OUTER = ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "SLURM_JOB_ID", "SLURM_STEP_ID")


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    for name in OUTER:
        monkeypatch.delenv(name, raising=False)


def test_the_run_folder_carries_the_name(call, monkeypatch, capsys):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    call(train.main, "--cfg", "hydra", "--package", "hydra.run", "--resolve")
    assert "outputs/dcgan-digits/torchrun_mine" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "argv", "sentence"),
    [
        ("none", ["model=gan"], r"^the processes of torchrun need a common run folder: give hydra.run.dir=FOLDER, or torchrun"),
        (
            "mine",
            ["-m", "seed=0,1"],
            r"^a sweep starts the processes of its jobs itself: leave out torchrun, and give trainer=ddp$",
        ),
        ("none", ["hydra.run.dir=a"], None),
        ("mine", ["model=gan"], None),
    ],
)
def test_what_torchruns_processes_could_not_agree_on_is_refused(monkeypatch, name, argv, sentence):
    distributed.check_torchrun(["-m", "seed=0,1"])  # without torchrun
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", name)
    with nullcontext() if sentence is None else pytest.raises(InputError, match=sentence):
        distributed.check_torchrun(argv)


def test_attributes_make_classes():
    cfg = OmegaConf.create({"attributes": ["a", "b", "c"], "num_classes": "${combinations:${attributes}}"})
    assert cfg.num_classes == 8
    cfg.attributes = []
    assert cfg.num_classes is None


@pytest.mark.slow
def test_a_run_leaves_no_group_and_no_marks_to_the_next_job(call):
    before = distributed.MARKS & os.environ.keys()
    options = [*TINY, "trainer=ddp", "trainer.devices=1"]
    call(train.main, *options)
    call(train.main, *options, "hydra.run.dir=second")
    assert not torch.distributed.is_initialized()
    assert distributed.MARKS & os.environ.keys() == before


# ----- a job of a sweep as a command ---------------------------------------------------------------------------------------


@pytest.fixture
def job(monkeypatch, tmp_path):
    """Runs a job whose command is replaced by a Python script, and gives what it was called with."""
    source = SimpleNamespace(provider="command-line", path="/configs")
    hydra = SimpleNamespace(
        runtime=SimpleNamespace(config_sources=[source]),
        mode=distributed.RunMode.MULTIRUN,
        overrides=SimpleNamespace(task=["model=gan", "data=digits"]),
    )
    monkeypatch.setattr(distributed.HydraConfig, "get", lambda: hydra)
    run = subprocess.run

    def start(script):
        called = []
        fake = lambda command, **options: called.append(command) or run([sys.executable, "-c", script], **options)  # noqa: E731
        monkeypatch.setattr(distributed.subprocess, "run", fake)
        distributed.run_command(tmp_path)
        return called[0]

    return start


def test_a_job_runs_alone_in_its_folder_with_its_own_options(job, tmp_path):
    command = job("")
    assert command[1:5] == ["-m", "gan_lab.train", "model=gan", "data=digits"]
    assert {f"hydra.run.dir='{tmp_path}'", "hydra.mode=RUN", "--config-dir=/configs"} <= set(command)


def test_a_jobs_failure_is_its_sentence(job, capfd):
    with pytest.raises(InputError, match=r"^there is no data 'x'$"):
        job("import sys; sys.exit('gan_lab: there is no data \\'x\\'')")
    assert "there is no data 'x'" in capfd.readouterr().err


def test_a_killed_job_fails(job):
    with pytest.raises(InputError, match=r"^exit status -9$"):
        job("import os; os.kill(os.getpid(), 9)")


@pytest.mark.parametrize("status", [130, 143])
def test_a_job_that_was_told_to_end_ends_the_sweep(job, status):
    with pytest.raises(SystemExit) as ended:
        job(f"import sys; sys.exit({status})")
    assert ended.value.code == status
