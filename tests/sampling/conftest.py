"""A run on random images, and figures drawn from it."""

import json
import shutil
from pathlib import Path

import pytest

from gan_lab import sample
from tests.tiny import train_into


@pytest.fixture(scope="package")
def trained(tmp_path_factory):
    """A run folder, of two steps, with labels and pixels as features."""
    overrides = ["model=cgan", "data=fake", "data.image_size=8", "data.channels=1", "data.num_classes=3", "data.batch_size=4"]
    small = ["network.generator.width=8", "network.discriminator.width=8", "max_images=8", "metric=none"]
    return train_into(tmp_path_factory.mktemp("trained") / "run", *overrides, *small)


@pytest.fixture
def draw(call, trained, tmp_path):
    """Calls the command on a copy of that run: the picture, and what the JSON beside it holds, if there is any."""
    shutil.copytree(trained, tmp_path / "run")

    def run(*arguments: str) -> tuple[Path, dict]:
        call(sample.main, "run=run", "out=made", *arguments)
        (picture,) = Path("made").glob("*.png")
        facts = picture.with_suffix(".json")
        return picture, json.loads(facts.read_text()) if facts.is_file() else {}

    return run
