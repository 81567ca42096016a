"""What the README's Slurm script relies on: SIGTERM, status 143, and the same command goes on to the same end."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from gan_lab.training import checkpoint
from tests.system.slurm import SLURM

pytestmark = pytest.mark.slow

TRAIN = [sys.executable, "-m", "gan_lab.train", "data=fake", "data.image_size=8", "data.channels=1", "data.batch_size=4",
         "network.generator.width=8", "network.discriminator.width=8", "max_images=6000", "log_every_steps=5", "logger=csv",
         "trainer.accelerator=cpu", "resume=auto"]  # fmt: skip


def start(folder):
    return subprocess.Popen([*TRAIN, f"hydra.run.dir={folder}"], env=os.environ | SLURM, cwd=folder.parent)


def test_a_job_that_slurm_ends_and_queues_again_goes_on_to_the_same_weights(tmp_path):
    stopped, undisturbed = tmp_path / "stopped", tmp_path / "undisturbed"
    job = start(stopped)
    while not (stopped / "metrics.csv").is_file():
        time.sleep(0.05)
        assert job.poll() is None
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == 143
    half = checkpoint.read(stopped / "checkpoints" / "last.ckpt")["state_dict"]["_extra_state"]["images_seen"]
    assert 0 < half < 6000
    assert start(stopped).wait(timeout=120) == start(undisturbed).wait(timeout=120) == 0
    one, two = (checkpoint.read(run / "checkpoints" / "last.ckpt")["state_dict"] for run in (stopped, undisturbed))
    assert all(torch.equal(one[name], two[name]) for name in one if torch.is_tensor(one[name]))
