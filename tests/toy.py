"""The pair on which a step can be computed by hand: D(x) = w . x, G(z) = theta, all reals at 0; and eyes for each step."""

import math

import lightning as L

from tests.tiny import fit, tiny

THETA, W, LR = 0.5, 0.8, 0.1
DIRAC = ["data=dirac", "optimizer=sgd", f"optimizer.g.lr={LR}", f"optimizer.d.lr={LR}",
         f"network.generator.theta={THETA}", f"network.discriminator.w={W}"]  # fmt: skip
BATCH = 16  # of data=dirac


def after_one_step(*overrides):
    """(w, theta) after one step of each player; both of their coordinates are equal, so the fake logit is 2 w theta."""
    gan = fit(tiny(*DIRAC, *overrides, "model.d_steps=1", images=BATCH))
    return gan.discriminator.w[0].item(), gan.generator.theta[0].item()


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


class Watch(L.Callback):
    """Notes what ``look(gan)`` gives after each step of D."""

    def __init__(self, look):
        self.look, self.seen = look, []

    def on_train_batch_end(self, trainer, gan, *args):
        self.seen.append(self.look(gan))
