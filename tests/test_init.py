import subprocess
import sys

import pytest
import torch

import gan_lab
from gan_lab.errors import InputError
from gan_lab.training import checkpoint
from tests.tiny import fit, tiny


def test_importing_it_takes_no_second_and_no_torch():
    code = """
import sys, time
start = time.process_time()
import gan_lab
seconds = time.process_time() - start
heavy = [name for name in ("torch", "lightning", "numpy", "matplotlib", "wandb", "hydra") if name in sys.modules]
sys.exit(f"{heavy} after {seconds} s" if heavy or seconds > 1 else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def run(tmp_path):
    """A run folder with both checkpoints, and the GAN as it was when the last one was written."""
    cfg = tiny("model=dcgan")
    gan = fit(cfg, checkpoint.EmbedConfig(cfg, []))
    (tmp_path / "checkpoints").mkdir()
    checkpoint.save(gan.trainer, tmp_path / "checkpoints" / "best.ckpt")
    gan.images_seen += 1
    checkpoint.save(gan.trainer, tmp_path / "checkpoints" / "last.ckpt")
    return tmp_path, gan


def test_a_run_loads_as_a_gan_that_samples(run):
    folder, gan = run
    loaded = gan_lab.load(folder)
    assert not loaded.training
    assert torch.equal(loaded.sample(range(4), 0), gan.eval().sample(range(4), 0))
    assert loaded.images_seen == 48


def test_the_last_checkpoint_and_a_file_load_too(run):
    folder, _ = run
    assert gan_lab.load(folder, "last").images_seen == gan_lab.load(str(folder / "checkpoints" / "last.ckpt")).images_seen == 49


def test_a_run_that_is_not_there_is_one_sentence():
    with pytest.raises(InputError, match="no run folder or checkpoint 'nowhere'"):
        gan_lab.load("nowhere")
