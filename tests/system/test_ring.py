"""Each model covers a ring of 8 Gaussians with the mlp and what ``experiment=ring`` gives it."""

import json

import pytest

from gan_lab import train
from gan_lab.cli.compose import CONF
from tests.tiny import MODELS

pytestmark = pytest.mark.slow


@pytest.fixture
def scores(call):
    """Trains on the ring: the scores of the chosen checkpoint."""

    def fit(*options):
        folder = call(train.main, "experiment=ring", "hydra.run.dir=ring", *options) / "ring"
        return json.loads((folder / "summary.json").read_text())["final_judgement"]["scores"]

    return fit


@pytest.mark.parametrize("model", MODELS)
def test_the_model_covers_the_ring(scores, model):
    assert covers(scores(f"model={model}"))


def covers(reached):
    return reached["modes"] == 8 and reached["high_quality"] >= 0.5


def test_gan_with_the_nets_the_loss_and_the_budget_of_unrolled_does_not(scores):
    unrolled = ["model/g_loss=saturating", "data.batch_size=512", "optimizer.d.lr=1.5e-4", "max_images=2560000"]
    values = (CONF / "experiment/ring/unrolled.yaml").read_text()
    assert all(value in values for value in ("batch_size: 512", "lr: 1.5e-4", "max_images: 2560000"))
    assert not covers(scores("model=gan", *unrolled))  # the chosen checkpoint may pass by all modes, never near enough
