"""The losses where D cannot tell reals from fakes: levels that a curve of training is compared with."""

import math
from contextlib import suppress
from typing import cast

import torch
from torch import Tensor

from gan_lab.model.batch import Batch
from gan_lab.model.gan import GAN


class Logits:
    """Batch of which a loss can see D's logits alone; it has no images, features or labels to ask for.

    Args:
        value: of both logits (N,).
    """

    def __init__(self, value: Tensor) -> None:
        self.real_logits = self.fake_logits = value


def equilibrium(gan: GAN) -> dict[str, float]:
    """Return ``d_loss`` and ``g_loss`` where all logits are at D's decision threshold.

    A loss that looks at more than logits has no such level and is left out, as is one that is not finite.
    """
    batch = cast(Batch, Logits(torch.full((1,), gan.decision_threshold or 0.0, device=gan.device)))
    levels = {}
    for name, loss in {"d_loss": gan.discriminator_loss, "g_loss": gan.generator_loss}.items():
        with suppress(Exception):  # whatever a user's loss asks for, a level of a plot fails no run
            levels[name] = float(loss(batch))
    return {name: level for name, level in levels.items() if math.isfinite(level)}
