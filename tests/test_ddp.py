"""Two processes train one GAN. Slow: each test starts processes of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gan_lab import checkpoint
from gan_lab.logger import csv

pytestmark = pytest.mark.slow

SMALL = ["data=fake", "data.image_size=8", "data.channels=1", "log_every_steps=4", "logger=csv", "trainer.precision=64-true",
         "trainer.accelerator=cpu", "max_images=80", "network.generator.width=8", "network.discriminator.width=8"]  # fmt: skip


def run(folder: Path, *overrides: str) -> dict:
    command = [sys.executable, "-m", "gan_lab.train", *SMALL, f"hydra.run.dir={folder}", *overrides]
    done = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return checkpoint.read(folder / "checkpoints" / "last.ckpt")["state_dict"]


@pytest.mark.parametrize("extra", [["model.d_steps=1"], ["model.d_steps=5"], ["penalty=[r1,wgan_gp]"]], ids=str)
def test_two_processes_train_as_one_on_the_same_global_batch(tmp_path, extra):
    free = ["model=gan", "network=mlp", "network.generator.norm=none", *extra]  # no statistic of a batch
    one = run(tmp_path / "one", *free, "data.batch_size=8")
    two = run(tmp_path / "two", *free, "data.batch_size=4", "trainer=ddp", "trainer.devices=2")
    assert one["_extra_state"] == two["_extra_state"]
    for name, value in one.items():
        if torch.is_tensor(value):
            torch.testing.assert_close(two[name], value, rtol=0, atol=1e-8)


def test_with_batch_norm_two_processes_write_one_record(tmp_path):
    run(tmp_path / "two", "model=dcgan", "data.batch_size=4", "trainer=ddp", "trainer.devices=2", "val_every_images=40")
    rows = csv.read(tmp_path / "two" / "metrics.csv")
    assert [row["images_seen"] for row in rows if "d_loss" in row] == [32, 64, 80]
    assert [row["images_seen"] for row in rows if "val/d_train" in row] == [40, 80]
