"""The surroundings of a step: Lightning's Trainer, or nothing but optimizers."""

from copy import deepcopy
from types import SimpleNamespace

import lightning as L
import pytest
import torch
from lightning.pytorch.plugins.precision import DoublePrecision, MixedPrecision, Precision
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from gan_lab.model.base import Engine
from gan_lab.model.base.engine import is_plain
from gan_lab.penalties import gradient_penalty
from gan_lab.training.build import build
from gan_lab.training.short_run import difference
from tests.tiny import fit, tiny


class Seen(L.Callback):
    """Keeps what the GAN was trained on."""

    def __init__(self):
        self.batches = []

    def on_train_batch_start(self, trainer, gan, batch, batch_idx):
        self.batches.append(deepcopy(batch))


@pytest.mark.parametrize(
    "options",
    [
        ["model=gan", "trick=replay", "trick.replay.size=16"],
        ["model=wgan_gp"],
        pytest.param(["model=stylegan2"], marks=pytest.mark.slow),
    ],
)
def test_without_lightning_a_gan_takes_the_same_steps(options):
    cfg, seen = tiny(*options, "accumulate=1", images=40), Seen()
    trained, alone = fit(cfg, seen), build(cfg)
    alone.engine = Engine(alone)
    for real, y in seen.batches:
        alone.step(real, y)
    assert alone.g_steps_done == trained.g_steps_done >= 2
    assert difference(trained, alone) is None


def test_a_copy_of_a_trained_gan_has_no_surroundings():
    gan = fit(tiny("model=gan", images=8))
    assert gan.engine.trainer is gan.trainer
    copy = deepcopy(gan)
    assert copy._engine is None
    assert difference(gan, copy) is None


class Listens(L.Callback):
    """Keeps the losses whose gradients are taken."""

    def __init__(self):
        self.losses = []

    def on_before_backward(self, trainer, gan, loss):
        self.losses.append(float(loss.detach()))


def test_a_callback_that_listens_to_backward_passes_hears_each_and_changes_nothing():
    cfg, listens = tiny("model=gan", images=8), Listens()
    heard, alone = fit(cfg, listens), fit(cfg)
    assert (heard.engine.is_plain, alone.engine.is_plain) == (False, True)
    assert len(listens.losses) == heard.d_steps_done + heard.g_steps_done == 4
    assert difference(heard, alone) is None


@pytest.mark.parametrize(
    ("strategy", "precision", "plain"),
    [
        (SingleDeviceStrategy(), Precision(), True),
        (SingleDeviceStrategy(), MixedPrecision("bf16-mixed", "cpu"), True),
        (SingleDeviceStrategy(), MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu")), False),
        (SingleDeviceStrategy(), DoublePrecision(), False),
        (DDPStrategy(), Precision(), False),
    ],
)
def test_lightning_steps_where_precision_or_strategy_add_to_it(strategy, precision, plain):
    gan = build(tiny("model=gan"))
    gan._trainer = SimpleNamespace(strategy=strategy, precision_plugin=precision, callbacks=[L.Callback()])
    assert is_plain(gan) == plain


def test_a_double_backward_in_full_precision_stays_so_within_autocast():
    gan, slopes = fit(tiny("model=wgan_gp", images=8)), []
    images = torch.rand(4, 1, 8, 8, dtype=torch.float32)
    for is_on in (False, True):
        gan.discriminator.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_on):  # as a training step is
            gan.engine.backward(gradient_penalty(gan.discriminator, images))
        slopes.append([weight.grad.clone() for weight in gan.discriminator.parameters() if weight.grad is not None])
    assert all(map(torch.equal, *slopes))
