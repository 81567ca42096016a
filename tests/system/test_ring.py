"""Each model covers a ring of 8 Gaussians with the mlp and what ``experiment=ring`` gives it."""

import json

import pytest

from gan_lab import train
from gan_lab.cli.compose import CONF
from tests.tiny import MODELS

pytestmark = pytest.mark.slow


@pytest.fixture
def summary(call):
    """Trains on the ring: the summary of the run."""

    def fit(*options):
        folder = call(train.main, "experiment=ring", "hydra.run.dir=ring", *options) / "ring"
        return json.loads((folder / "summary.json").read_text())

    return fit


@pytest.mark.parametrize("model", MODELS)
def test_the_model_covers_the_ring(summary, model):
    reached = summary(f"model={model}")["final_judgement"]["scores"]
    assert reached["modes"] == 8
    assert reached["high_quality"] >= 0.5


def test_gan_with_the_nets_the_loss_and_the_budget_of_unrolled_does_not(summary):
    unrolled = ["model/g_loss=saturating", "data.batch_size=512", "optimizer.d.lr=1.5e-4", "max_images=2560000"]
    values = (CONF / "experiment/ring/unrolled.yaml").read_text()
    assert all(value in values for value in ("batch_size: 512", "lr: 1.5e-4", "max_images: 2560000"))
    made = summary("model=gan", *unrolled)
    assert made["scores"]["val/modes"]["final"] < 8
    assert made["final_judgement"]["scores"]["high_quality"] < 0.5  # it may pass by all modes, never near enough
