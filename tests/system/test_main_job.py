"""The main job, as a newcomer runs it: in a fresh process, with nothing made smaller."""

import json
import subprocess
import sys

import pytest
import torch

from gan_lab.data.pixels import to_uint8
from gan_lab.evaluation.extractor.digits8 import Digits8
from gan_lab.training import checkpoint

pytestmark = pytest.mark.slow


def trained(folder, experiment):
    """The run folder of an experiment, what was said, and its summary."""
    command = [sys.executable, "-m", "gan_lab.train", f"experiment={experiment}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob(f"outputs/*-{experiment}/*")
    return path, done.stdout, json.loads((path / "summary.json").read_text())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("main_job"), "digits")


def test_the_distance_is_at_most_two_and_a_half_times_that_of_held_out_digits(run):
    _, _, summary = run
    real = summary["baseline"]["fd_digits8"]
    assert summary["protocol"]["n_fake"] == summary["protocol"]["n_reference"] == 597
    assert summary["scores"]["val/fd_digits8"]["best"] <= 2.5 * real
    assert summary["final_judgement"]["scores"]["fd_digits8"] <= 2.5 * real


def test_all_ten_digits_are_among_a_thousand_samples(run):
    gan, _ = checkpoint.load(run[0])
    _, logits = Digits8()(to_uint8(gan.sample(range(1000))))
    shares = torch.bincount(logits.argmax(1), minlength=10) / 1000
    assert ((shares >= 0.03) & (shares <= 0.25)).all(), shares


def test_it_says_where_everything_lies(run):
    path, said, _ = run
    for name in ("curves.png", "checkpoints/best.ckpt", "samples/"):
        assert f"{path}/{name}" in said
    assert "held-out reals" in said
    assert "wandb sync" in said
    assert "images/s" in said


def test_letters_are_near_to_real_ones_and_show_the_one_asked_for(tmp_path):
    _, _, summary = trained(tmp_path, "letters")
    scores, real = summary["final_judgement"]["scores"], summary["baseline"]
    assert scores["accuracy_letters"] >= 0.9
    assert scores["fd_letters"] <= 4 * real["fd_letters"]
