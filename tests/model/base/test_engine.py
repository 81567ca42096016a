"""The surroundings of a step: Lightning's Trainer, or nothing but optimizers."""

from copy import deepcopy

import lightning as L
import pytest

from gan_lab.model.base import Engine
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
    "options", [["model=gan", "trick=replay", "trick.replay.size=16"], ["model=wgan_gp"], ["model=stylegan2"]]
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
