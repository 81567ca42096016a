"""What a loss, a penalty or a regularizer may look at: one batch of one step."""

from dataclasses import dataclass

from torch import Tensor

from gan_lab.noise import Noise


@dataclass
class Batch:
    """Reals, fakes and D's raw scores of both, computed once.

    Attributes:
        real: (N, C, H, W) in [-1, 1], or points (N, 2, 1, 1).
        fake: like ``real``; detached in D's step; with ``g_batch_ratio`` times as many rows in G's step.
        y: labels (N,) of ``real``, or None.
        fake_y: the labels given to G, or None.
        real_scores: D(real), raw (N,); None in G's step, where the loss that needs it computes it.
        fake_scores: D(fake), raw (N,).
        noise: this step's draws.
        images_seen: real images that D had seen before this step, over all ranks.
        d_steps_done: D's steps before this one; a lazy penalty counts in these.
    """

    real: Tensor
    fake: Tensor
    y: Tensor | None
    fake_y: Tensor | None
    real_scores: Tensor | None
    fake_scores: Tensor
    noise: Noise
    images_seen: int
    d_steps_done: int
