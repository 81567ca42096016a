"""The script for a GPU, dry-run on the CPU."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from gan_lab.cli.compose import CONF, compose

SCRIPT = Path(__file__).parents[2] / "gan_lab" / "benchmark" / "gpu.sh"
TEXT = SCRIPT.read_text(encoding="utf-8")


def run(tmp_path, *parts, script=SCRIPT, **environment):
    env = os.environ | {"PYTHON": sys.executable, "OUT": str(tmp_path / "out"), "TINY": "1", "EACH": "1"} | environment
    return subprocess.run(["bash", script, *parts], env=env, cwd=tmp_path, capture_output=True, text=True)


def test_the_script_is_bash_and_its_parts_are_functions_of_it():
    for script in SCRIPT.parent.glob("*.sh"):
        assert subprocess.run(["bash", "-n", script]).returncode == 0
    parts = re.search(r"^PARTS=\((.*?)\)", TEXT, re.DOTALL | re.MULTILINE)[1].split()
    assert len(parts) > 8
    for part in parts:
        assert re.search(rf"^{part}\(\) \{{", TEXT, re.MULTILINE), part


def test_its_options_exist():
    for overrides in re.findall(r"^\w+\(\) \{ bench \w+ \S+ \d+ \d+ (.*); \}", TEXT, re.MULTILINE):
        compose("benchmark", [*overrides.split(), "data=fake"])


def test_a_part_that_fails_is_named_and_the_others_go_on(tmp_path):
    done = run(tmp_path, "no_such_part", "nor_this")
    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if "failed" in line] == [
        "failed: no_such_part (status 127)",
        "failed: nor_this (status 127)",
    ]
    assert (tmp_path / "out" / "no_such_part.txt").exists()


@pytest.mark.slow
def test_a_dry_run_on_the_cpu_leaves_text_and_numbers_of_each_part(tmp_path):
    parts = ["speed_dcgan64", "speed_r3gan32", "finite_difference", "deterministic", "start", "memory"]
    done = run(tmp_path, *parts, LIMIT="5000", LONGEST="2000", STEPS="4000", IMAGES="64")  # seconds for a busy machine
    assert done.returncode == 0, done.stdout
    out = tmp_path / "out"
    rows = json.loads((out / "speed_dcgan64.json").read_text())["rows"]
    switched = {key for key, value in yaml.safe_load((CONF / "speed" / "plain.yaml").read_text()).items() if value is False}
    assert {f"plain+{key}" for key in switched - {"compile"}} < rows.keys()
    assert json.loads((out / "deterministic.json").read_text()) == {"plain": 0, "fast": 0}
    said = (out / "summary.txt").read_text()
    assert said.count("d_step_seconds") == 4
    assert len(re.findall(r"speed=\w+: \d+ ms to step", said)) == 2
    early, late = re.findall(r"^(\d+) (\d+) *$", said, re.MULTILINE)
    assert int(late[0]) > int(early[0])
    assert int(late[1]) < 1.1 * int(early[1])


@pytest.mark.slow
def test_the_trainings_are_judged_and_leave_grids(tmp_path):
    images, classes = np.random.default_rng(0).integers(0, 256, (80, 32, 32, 3), np.uint8), ("cat", "dog")
    for number, image in enumerate(images):
        folder = tmp_path / "images" / classes[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    tiny = ["network.generator.width=8", "network.discriminator.width=8", "data.batch_size=8"]
    environment = {"SECONDS_EACH": "3", "FAKES": "300", "DEVICE": "cpu", "EPOCHS": "1"}
    done = run(tmp_path, tmp_path / "images", *tiny, script=SCRIPT.with_name("gpu_trainings.sh"), **environment)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("status 0") == 10, done.stdout
    assert len(re.findall(r"fd_image_folder", done.stdout)) >= 3
    assert len([*(tmp_path / "out").glob("*_grid/*.png")]) == 3
