"""SIGTERM and Ctrl-C to the whole process group, as `timeout`, a terminal and Slurm send them, wherever a run stands."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab.training import checkpoint
from tests.system.slurm import SLURM

MOMENTS = {
    "start-up": "gan_lab.data.folder.ImageFolder.setup",
    "training": "gan_lab.callback.loss_logger.LossLogger.on_train_batch_end",
    "validation": "gan_lab.callback.validation.Validation.on_validation_batch_end",
    "judgement": "gan_lab.callback.validation.Validation.on_test_batch_end",
}
"""Where a run stands, and the method that says so."""

ANNOUNCE = """
import functools, hydra.utils, sys, time
from gan_lab import train
place, _, name = sys.argv.pop(1).rpartition(".")
owner = hydra.utils.get_class(place)
method = getattr(owner, name)

@functools.wraps(method)
def announce(*args, **options):
    made = method(*args, **options)
    print("here", flush=True)
    time.sleep(0.5)
    return made

setattr(owner, name, announce)
train.main()
"""

RUN = ["data=image_folder", "data.root=images", "data.image_size=8", "data.batch_size=4", "network.generator.width=8",
       "network.discriminator.width=8", "max_images=16", "val_every_images=8", "metric=frechet", "extractor=pixels",
       "data.held_out_fraction=0.5", "resume=auto"]  # fmt: skip


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with a folder of images, for runs with workers, beside each other."""
    folder = tmp_path_factory.mktemp("signals")
    (folder / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (1200, 8, 8, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
    return folder


def command(run, moment=None):
    """The command of a run; with a moment, the one that says that it is there."""
    module = ["-m", "gan_lab.train"] if moment is None else ["-c", ANNOUNCE, MOMENTS[moment]]
    return [sys.executable, *module, *RUN, f"hydra.run.dir={run}"]


def environment():
    return os.environ | SLURM | {"WANDB_MODE": "offline"}


def go_on(folder, run):
    subprocess.run(command(run), cwd=folder, env=environment(), check=True, capture_output=True, timeout=600)
    return checkpoint.read(folder / run / "checkpoints" / "last.ckpt")["state_dict"], (folder / run / "metrics.csv").read_text()


def signalled(folder, run, moment, number):
    """What a run says, and its status, that is signalled with all its processes at this moment."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    with subprocess.Popen(command(run, moment), cwd=folder, env=environment(), **options) as job:
        said = []
        for line in job.stdout:
            said.append(line)
            if line == "here\n":
                os.killpg(job.pid, number)
                break
        said += job.communicate(timeout=300)[0].splitlines(keepends=True)
    return "".join(said), job.returncode


@pytest.fixture(scope="module")
def undisturbed(images):
    return go_on(images, "undisturbed")


@pytest.mark.slow
def test_sigterm_to_the_group_ends_a_run_with_workers_and_wandb_by_a_checkpoint_and_a_sentence(images):
    said, status = signalled(images, "fast", "training", signal.SIGTERM)
    assert status == 143, said
    assert "Traceback" not in said
    assert said.count("stopped") == 1
    assert checkpoint.read(images / "fast" / "checkpoints" / "last.ckpt")


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_requeue_of_a_run_that_sigterm_has_ended_ends_as_an_undisturbed_one(images, undisturbed, moment):
    said, status = signalled(images, moment, moment, signal.SIGTERM)
    assert status == 143, said
    assert "Traceback" not in said
    assert said.count("stopped") == 1
    assert (images / moment / "checkpoints" / "last.ckpt").is_file() or moment == "start-up"
    (weights, rows), (whole, all_rows) = go_on(images, moment), undisturbed
    assert all(torch.equal(weights[name], whole[name]) for name in weights if torch.is_tensor(weights[name]))
    assert rows == all_rows


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_in_a_terminal_ends_a_run_which_goes_on_to_the_same_weights(images, undisturbed, moment):
    said, status = signalled(images, f"{moment}-c", moment, signal.SIGINT)
    assert status == 130, said
    assert "Traceback" not in said
    weights = go_on(images, f"{moment}-c")[0]
    assert all(torch.equal(weights[name], undisturbed[0][name]) for name in weights if torch.is_tensor(weights[name]))
