"""Two processes train one GAN. Slow: processes of their own are started."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gan_lab.run_folder import read_rows
from gan_lab.training import checkpoint
from tests.pair import FLOAT64, IMAGES, MLP, free_port, pair, train
from tests.tiny import CONF

pytestmark = pytest.mark.slow

PENALTIES = sorted(path.stem for path in (CONF / "penalty").glob("*.yaml"))
COUPLED = {"dragan"}  # its noise is as wide as the batch

AS_ONE = {
    f"{model}-{d_steps}-{penalty}": ["model=" + model, f"model.d_steps={d_steps}", f"penalty={penalty}", *MLP, *FLOAT64]
    for model, d_steps, penalty in [
        *(("gan", d_steps, penalty) for d_steps in (1, 5) for penalty in PENALTIES if penalty not in COUPLED),
        ("wgan", 5, "none"),
        ("hinge", 1, "[r1,r2,wgan_gp]"),
    ]
}
AS_ONE["parts"] = [*AS_ONE["gan-1-r1"], "accumulate=2", "model.g_batch_ratio=2", "data.flip=true", "data.dequantize=true"]
AS_ONE["ada"] = [*AS_ONE["gan-1-r1"], "augment=ada", "augment.ada.speed_kimg=0.1", "augment.ada.target=-0.9"]
DIGITS = ["data=digits", "data.num_classes=null", "model=gan", *MLP, *FLOAT64]  # 597 held-out digits: an odd number
EQUAL = {
    "batch_norm": ["model=dcgan", "network.generator.width=8", "network.discriminator.width=8"],
    "spectral": ["model=hinge", "network=resnet", "network.generator.width=8", "network.discriminator.width=8",
                 "network.discriminator.norm=spectral"],
    "dropout": ["model=dcgan", "network.generator.width=8", "network.discriminator.width=8", "network.generator.dropout=0.3"],
    "dragan": ["model=gan", "penalty=dragan", *MLP],
}  # fmt: skip


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes came to, 4 images each to a step."""
    half = "data.batch_size=4"
    runs = {name: [*IMAGES, *run, half] for name, run in (AS_ONE | EQUAL).items()}
    return pair(tmp_path_factory.mktemp("pair"), runs | {"digits": [*DIGITS, half]})


@pytest.mark.parametrize("name", AS_ONE)
def test_two_processes_train_as_one_on_the_same_global_batch(two, name):
    one, (first, second) = train([*IMAGES, *AS_ONE[name], "data.batch_size=8"]), two[name]
    assert len(one["steps"]) == 20
    for weight, value in one["weights"].items():
        torch.testing.assert_close(first["weights"][weight], value, rtol=0, atol=1e-8)
    assert first["steps"] == second["steps"]


@pytest.mark.parametrize("name", EQUAL)
def test_what_couples_a_batch_leaves_all_processes_equal_after_every_step(two, name):
    first, second = two[name]
    assert len(set(first["steps"])) == 20  # it moved
    assert first["steps"] == second["steps"]
    assert first["buffers"] == second["buffers"]


def test_metrics_count_every_sample_once_and_agree_with_one_process(two):
    one, (first, second) = train([*DIGITS, "data.batch_size=8"]), two["digits"]
    assert one["protocol"] == first["protocol"] == second["protocol"]
    assert first["protocol"]["n_fake"] == first["protocol"]["n_held_out"] == 597
    assert first["values"] == second["values"]
    assert first["values"] == pytest.approx(one["values"], rel=1e-7)


SMALL = ["data=fake", "data.image_size=8", "data.channels=1", "log_every_steps=4", "logger=csv", "trainer.accelerator=cpu",
         "max_images=80", "network.generator.width=8", "network.discriminator.width=8"]  # fmt: skip


def command(*overrides: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "gan_lab.train", *overrides], capture_output=True, text=True, timeout=200)


def run_alone(folder: Path, *overrides: str) -> dict:
    done = command(f"hydra.run.dir={folder}", *overrides)
    assert done.returncode == 0, done.stderr
    return last(folder)


def last(folder: Path) -> dict:
    return checkpoint.read(folder / "checkpoints" / "last.ckpt")["state_dict"]


def test_the_command_starts_both_processes_which_write_one_record(tmp_path):
    run_alone(
        tmp_path / "two", *SMALL, "model=dcgan", "data.batch_size=4", "trainer=ddp", "trainer.devices=2", "val_every_images=40"
    )
    rows = read_rows(tmp_path / "two" / "metrics.csv")
    assert [row["images_seen"] for row in rows if "d_loss" in row] == [32, 64, 80]
    assert [row["images_seen"] for row in rows if "val/d_train" in row] == [40, 80]


def test_jobs_of_a_sweep_start_their_own_processes_and_fail_alone(tmp_path):
    sweep = ["-m", f"hydra.sweep.dir={tmp_path}/sweep", "model=gan", "network=mlp", "data.batch_size=4,9999"]
    common = [option for option in SMALL if "width" not in option]
    done = command(*sweep, *common, "network.generator.width=[8]", "trainer=ddp", "trainer.devices=2")
    assert done.returncode == 1, done.stderr
    good, bad = (json.loads((tmp_path / "sweep" / job / "summary.json").read_text()) for job in "01")
    assert (good["status"], good["images_seen"], bad["status"]) == ("finished", 80, "failed")
    assert "does not fit 4,096 training samples" in bad["error"]
    rows = read_rows(tmp_path / "sweep" / "0" / "metrics.csv")
    assert [row["images_seen"] for row in rows if "d_loss" in row] == [32, 64, 80]


def test_two_torchrun_groups_train_as_one(tmp_path):
    free = ["model=gan", *MLP, *FLOAT64, "penalty=r1", *(option for option in SMALL if "width" not in option)]
    one = run_alone(tmp_path / "one", *free, "data.batch_size=8")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "--master-addr=127.0.0.1",
                f"--master-port={free_port()}"]  # fmt: skip
    nodes = ["-m", "gan_lab.train", *free, f"hydra.run.dir={tmp_path}/two", "data.batch_size=4", "trainer=ddp",
             "trainer.devices=1", "trainer.num_nodes=2"]  # fmt: skip
    groups = [
        subprocess.Popen([*torchrun, f"--node-rank={rank}", *nodes], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    errors = [group.communicate(timeout=200)[1] for group in groups]
    assert [group.returncode for group in groups] == [0, 0], "\n".join(errors)
    two = last(tmp_path / "two")
    assert one["_extra_state"] == two["_extra_state"]
    for name, value in one.items():
        if torch.is_tensor(value):
            torch.testing.assert_close(two[name], value, rtol=0, atol=1e-8)
