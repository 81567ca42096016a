"""The loop beside which ours is measured does the same mathematics."""

from copy import deepcopy

import lightning as L
import pytest
import torch

from gan_lab.benchmark.plain_loop import PlainLoop
from gan_lab.model.ccgan import CcGAN
from gan_lab.rng import Stream, key
from gan_lab.training import invariants
from gan_lab.training.build import build
from tests.tiny import MODELS, fit, tiny


class Seen(L.Callback):
    """Keeps what the GAN was trained on."""

    def __init__(self):
        self.batches = []

    def on_train_batch_start(self, trainer, gan, batch, batch_idx):
        self.batches.append(deepcopy(batch))


def trained_by_both(cfg, *callbacks):
    """Our training and the plain loop after the same steps on the same batches and draws."""
    seen, gan = Seen(), build(cfg)
    loop = PlainLoop(gan)
    ours = fit(cfg, seen, *callbacks)
    if isinstance(gan, CcGAN):  # which looks at the labels before the first step
        gan.take_labels(torch.as_tensor(ours.trainer.datamodule.train_set.labels).view(-1, 1).float())
    for step, (real, y) in enumerate(seen.batches):
        torch.manual_seed(key(cfg.seed, Stream.LAYERS, 0, step))  # dropout
        loop.step(real, y)
    return ours, gan


def require_equal(ours, plain):
    """All but the average, which the plain loop has none of."""
    del ours.generator_ema, plain.generator_ema
    assert invariants.difference(ours, plain) is None


QUICK = ("gan",)


@pytest.mark.parametrize("model", [pytest.param(m, marks=() if m in QUICK else pytest.mark.slow) for m in MODELS])
def test_it_makes_the_weights_that_our_training_makes(model):
    ours, plain = trained_by_both(tiny(f"model={model}", "schedule=constant", images=40))
    assert ours.g_steps_done >= 2
    require_equal(ours, plain)


@pytest.mark.parametrize(
    "options",
    [
        ["clip_grad_norm.g=0.01", "clip_grad_norm.d=0.01"],
        ["penalty=r1", "penalty.r1.interval=3"],
        pytest.param(["trick=[replay,historical_averaging]", "trick.replay.size=16"], marks=pytest.mark.slow),
        ["trick=checkpoint_swap", "trick.checkpoint_swap.interval=3", "trick.checkpoint_swap.steps=2"],
        pytest.param(["augment=diffaugment", "regularizer=feature_matching"], marks=pytest.mark.slow),
        ["data=gaussians"],
    ],
)
def test_what_is_added_to_a_model_is_in_it_too(options):
    require_equal(*trained_by_both(tiny("model=gan", *options, images=40)))


class Waits(L.Callback):
    """Keeps who waited in each step."""

    def __init__(self):
        self.waits = []

    def on_train_batch_end(self, trainer, gan, outputs, batch, batch_idx):
        self.waits.append((gan.d_waits, gan.g_waits))


def test_a_player_that_waits_by_the_scores_of_the_step_waits_in_it_too():
    cfg, waits = (
        tiny("model=vae_gan", "model/gate=equilibrium", "model.gate.margin=0.2", "optimizer.d.lr=0.01", images=40),
        Waits(),
    )
    require_equal(*trained_by_both(cfg, waits))
    assert len(set(waits.waits)) >= 2
