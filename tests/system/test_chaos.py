"""Runs that are killed again and again are the undisturbed run, their record too."""

import json
import multiprocessing
import random
import time

import pytest
import torch

from gan_lab.training import checkpoint
from tests.system import chaos
from tests.tiny import TINY

pytestmark = pytest.mark.slow

MODELS = {
    "dcgan": ["speed=fast"],
    "biggan": ["data.num_classes=3"],
    "stylegan2": ["augment=ada", "network.generator.style_dim=16", "network.generator.mapping_layers=2"],
    "wgan_gp": [],
    "pggan": ["data.image_size=16", "model.growth.images_per_level=24"],
    "infogan": [],
}
"""Models of unlike state, with options for tiny images."""

RUN = [*TINY[:-2], "max_images=64", "val_every_images=20", "checkpoint_every_images=12", "metric=frechet", "extractor=pixels",
       "data.held_out.n=300", "data.train.n=400"]  # fmt: skip
KILLS = 20
RECORD = ("status", "scores", "baseline", "protocol", "images_seen", "final_judgement", "warnings")


@pytest.fixture(scope="module")
def processes():
    """Makes processes in which torch is imported already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([chaos.__name__])
    return context


def same(one, two):
    """Whether two states are equal to the bit."""
    if torch.is_tensor(one):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two


def check(folder, whole):
    """Compare a run with the undisturbed one."""
    assert (folder / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
    for name in ("last", "best"):
        one, two = (checkpoint.read(path / "checkpoints" / f"{name}.ckpt") for path in (folder, whole))
        assert all(same(one[part], two[part]) for part in ("state_dict", "optimizer_states", "losses", "rows"))
    summaries = [json.loads((path / "summary.json").read_text()) for path in (folder, whole)]
    assert all(summaries[0][part] == summaries[1][part] for part in RECORD)


@pytest.mark.parametrize("model", MODELS)
def test_a_run_that_is_killed_twenty_times_is_the_undisturbed_one(model, processes, tmp_path):
    overrides = [f"model={model}", *RUN, *MODELS[model]]

    def start(folder, *moment):
        process = processes.Process(target=chaos.run, args=(folder, overrides, *moment))
        process.start()
        return process

    def finish(folder):
        process = start(folder)
        process.join()
        assert process.exitcode == 0
        return folder

    began = time.monotonic()
    whole = finish(tmp_path / "whole")
    seconds, draws, kills, runs = time.monotonic() - began, random.Random(model), [], 0
    while len(kills) < KILLS:
        folder = tmp_path / f"run{runs}"
        moment = draws.choice([None, None, *chaos.MOMENTS])
        process = start(folder, moment, draws.randrange(4 if moment != "the summary" else 1))
        process.join(None if moment else draws.uniform(0, seconds))
        process.kill()
        process.join()
        if process.exitcode:
            kills.append(moment)
        else:
            check(folder, whole)
            runs += 1
    check(finish(tmp_path / f"run{runs}"), whole)
    print(f"{model}: {len(kills)} kills in {runs + 1} runs: {kills}")
