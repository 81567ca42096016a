"""What a loss, a penalty or a regularizer may look at: one batch of one step."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from gan_lab.noise import Noise

Score = Callable[[Tensor, Tensor | None], Tensor]
"""(images, labels) -> raw scores (N,): D as it is used, augmentation included."""


@dataclass
class Batch:
    """Reals, fakes and D's scores of both, each computed once, when first asked for.

    Attributes:
        real: (N, C, H, W) in [-1, 1], or points (N, 2, 1, 1).
        fake: like ``real``; detached in D's step; with ``g_batch_ratio`` times as many rows in G's step.
        y: labels (N,) of ``real``, or None.
        fake_y: the labels given to G, or None.
        score: D.
        noise: this step's draws.
        images_seen: real images that D had seen before this step, over all ranks.
        d_steps_done: D's steps before this one; a lazy penalty counts in these.
    """

    real: Tensor
    fake: Tensor
    y: Tensor | None
    fake_y: Tensor | None
    score: Score
    noise: Noise
    images_seen: int = 0
    d_steps_done: int = 0

    @cached_property
    def real_scores(self) -> Tensor:
        """D(real), raw (N,). In G's step only a relativistic loss asks for it."""
        return self.score(self.real, self.y)

    @cached_property
    def fake_scores(self) -> Tensor:
        """D(fake), raw (N,)."""
        return self.score(self.fake, self.fake_y)
