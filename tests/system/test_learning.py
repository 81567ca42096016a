"""What theory and practice say of training: who converges on one point, and who covers eight places."""

import json
import math

import pytest

from gan_lab import evaluate, train
from gan_lab.cli.compose import CONF
from tests.tiny import fit, tiny
from tests.toy import Watch

pytestmark = pytest.mark.slow


# ----- the Dirac-GAN (Mescheder 2018): theta and w, which belong at 0 -------------------------------------------------

WGAN = ["model=wgan", "model.clip=9"]  # beyond the circle
MINIMAX = ["model=gan", "model/g_loss=saturating"]
WEIGHT_1 = ["penalty.wgan_gp.weight=1"]


def distances(*overrides):
    """|(w, theta)| of one coordinate after each of 500 steps of gradient descent; it begins at sqrt 2."""
    sgd = ["data=dirac", "optimizer=sgd", "schedule=constant", "optimizer.g.lr=0.1", "optimizer.d.lr=0.1", "model.d_steps=1"]
    watch = Watch(lambda gan: math.hypot(gan.discriminator.w[0].item(), gan.generator.theta[0].item()))
    fit(tiny(*sgd, *overrides, images=500 * 16), watch)
    return watch.seen


@pytest.mark.parametrize("overrides", [MINIMAX, WGAN, ["model=hinge"]])
def test_without_a_penalty_training_circles(overrides):
    seen = distances(*overrides)
    assert min(seen[-100:]) > 0.9
    assert max(seen) < 1.5


def test_clipped_weights_circle_too():
    assert min(distances("model=wgan", "model.clip=0.5")[-100:]) > 0.4


def test_with_both_gradients_before_either_step_it_moves_away():
    seen = distances(*MINIMAX, "model.simultaneous=true")
    assert min(seen[-100:]) > max(seen[:100])


def test_the_non_saturating_loss_comes_in_but_slower_than_any_exponential():
    seen = distances("model=gan")
    assert 0.2 < seen[-1] < 0.5
    assert seen[-1] / seen[-250] > 2 * seen[249] / seen[0]  # the second half gains far less than the first


@pytest.mark.parametrize("penalty", ["r1", "r2"])
@pytest.mark.parametrize("model", [["model=gan"], MINIMAX, WGAN, ["model=hinge"]])
def test_zero_centred_penalties_converge(model, penalty):
    assert distances(*model, f"penalty={penalty}", f"penalty.{penalty}.weight=1")[-1] < 1e-5


def test_wgan_gp_does_not_converge_for_it_wants_a_slope_of_1_where_there_is_none():
    seen = distances("model=wgan_gp", *WEIGHT_1)
    assert min(seen[-100:]) > 0.5
    assert distances("model=wgan_gp", *WEIGHT_1, "penalty.wgan_gp.target=0")[-1] < 1e-5


# ----- blobs: images at one of eight places -----------------------------------------------------------------------------

GROWN = ["max_images=38400", "data.batch_size=32", "optimizer.g.lr=4e-3", "optimizer.d.lr=4e-3", "network.generator.width=32",
         "network.discriminator.width=32", "network.generator.latent_dim=32"]  # fmt: skip
STYLES = ["network.generator.style_dim=32", "network.generator.mapping_layers=2", "penalty.r1.weight=1", "model.mixing=0"]
RECIPES = {
    "mlp": ["model=gan", "max_images=48000"],
    "dcgan": ["model=dcgan", "max_images=38400"],
    "resnet": ["model=wgan_gp", "max_images=32000", "data.batch_size=32", "model.d_steps=1", "model.g_batch_ratio=1",
               "optimizer.g.lr=1e-3", "optimizer.d.lr=1e-3", "network.generator.width=16", "network.discriminator.width=16"],
    "sndcgan": ["model=sngan", "max_images=38400", "schedule=constant", "model.d_steps=1", "model.g_batch_ratio=1",
                "network.generator.width=16", "network.discriminator.width=16"],
    "sagan": ["model=sagan", "model.num_classes=null", "max_images=32000", "data.batch_size=32", "optimizer.g.lr=1e-3",
              "optimizer.d.lr=1e-3", "network.generator.width=16", "network.discriminator.width=16"],
    "r3gan": ["model=r3gan", "model.num_classes=null", "max_images=48000", "data.batch_size=32", "model.burn_in_images=64000",
              "model.ema_half_life_kimg=0.5", "penalty.r1.weight.start=0.2", "penalty.r1.weight.end=0.2",
              "optimizer.g.lr=2e-3", "optimizer.d.lr=1e-3", "network.generator.width=32", "network.discriminator.width=16",
              "network.discriminator.blocks=1"],
    "biggan": ["model=biggan", "model.num_classes=null", "max_images=32000", "data.batch_size=32", "model.d_steps=1",
               "optimizer.g.lr=1e-3", "optimizer.d.lr=1e-3", "network.generator.width=8", "network.discriminator.width=8"],
    "pggan": ["model=pggan", *GROWN, "penalty.wgan_gp.weight=1", "model.growth.images_per_level=6400"],
    "stylegan": ["model=stylegan", *GROWN, *STYLES, "model.growth.start=4", "model.growth.images_per_level=9600"],
    "stylegan2": ["model=stylegan2", *GROWN, *STYLES, "model.num_classes=null", "regularizer=none"],
    "dit": ["model=afm", "model.num_classes=null", "max_images=64000", "data.batch_size=32", "optimizer.g.lr=2e-3",
            "optimizer.d.lr=1e-3", "network.generator.width=32", "network.discriminator.width=32",
            "network.generator.depth=2", "network.discriminator.depth=2", "network.generator.heads=2",
            "network.discriminator.heads=2", "network.generator.fused_attention=true",
            "network.discriminator.fused_attention=true"],
}  # fmt: skip
NO_IMAGES = {"dirac", "conv1d", "char_cnn"}  # which make points, signals and text
NETWORKS = sorted(path.stem for path in (CONF / "network").glob("*.yaml") if path.stem not in NO_IMAGES)


@pytest.mark.parametrize("network", NETWORKS)
def test_an_image_network_covers_all_places(call, network):
    options = ["data=blobs", "data.image_size=8", f"network={network}", "logger=csv", "hydra.run.dir=run"]
    folder = call(train.main, *options, *RECIPES[network]) / "run"
    scores = json.loads((folder / "summary.json").read_text())["final_judgement"]["scores"]
    assert scores["modes"] == 8


# ----- digits: the one that is asked for --------------------------------------------------------------------------------

LONGER = ["max_images=120000", "optimizer.g.lr=1e-3", "optimizer.d.lr=1e-3"]
CONDITIONAL = {
    "cgan": [],
    "acgan": [],
    "r3gan": [],
    "projection": [*LONGER, "model.d_steps=1", "model.g_batch_ratio=1"],
    "sagan": LONGER,
}


@pytest.mark.parametrize("model", CONDITIONAL)
def test_a_conditional_model_shows_the_digit_asked_for(call, model):
    widths = ["network.generator.width=32", "network.discriminator.width=32"]
    call(train.main, "max_images=60000", "logger=csv", "hydra.run.dir=run", f"model={model}", *widths, *CONDITIONAL[model])
    folder = call(evaluate.main, "run=run", "metric=classifier", "eval.num_fake=500", "eval.seeds=[0]")
    content = json.loads(next(folder.glob("run/evaluation/*/metrics.json")).read_text())
    assert content["values"]["accuracy_digits8"]["mean"] >= 0.8
