"""What a loss, a penalty or a regularizer may look at: one batch of one step."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from gan_lab.rng import StepRNG

Score = Callable[[Tensor, Tensor | None], Tensor]
"""(images, labels) -> raw scores (N,): D as it is used, augmentation included; and its parts: images -> features -> scores."""


@dataclass
class Batch:
    """Reals, fakes, and D's features and scores of both, each computed once, when first asked for.

    Who needs features asks for them before scores: then one pass through D serves both.

    Attributes:
        real: (N, C, H, W) in [-1, 1], or points (N, 2, 1, 1).
        fake: like ``real``; detached in D's step; with ``g_batch_ratio`` times as many rows in G's step.
        y: labels (N,) of ``real``, or None.
        fake_y: the labels given to G, or None.
        score: D.
        noise: this step's draws.
        images_seen: real images that D had seen before this step, over all ranks.
        d_steps_done: D's steps before this one; a lazy penalty counts in these.
        features: D up to its last hidden layer; None where only scores are known.
        head: the rest of D.
        z: the latents of ``fake``.
    """

    real: Tensor
    fake: Tensor
    y: Tensor | None
    fake_y: Tensor | None
    score: Score
    rng: StepRNG
    images_seen: int = 0
    d_steps_done: int = 0
    features: Score | None = None
    head: Score | None = None
    z: Tensor | None = None

    @cached_property
    def real_features(self) -> Tensor:
        """D's last hidden layer on reals (N, F)."""
        return self._features(self.real, self.y)

    @cached_property
    def fake_features(self) -> Tensor:
        """D's last hidden layer on fakes (N, F)."""
        return self._features(self.fake, self.fake_y)

    @cached_property
    def real_logits(self) -> Tensor:
        """D(real), raw (N,). In G's step only a relativistic loss asks for it."""
        return self._scores("real_features", self.real, self.y)

    @cached_property
    def fake_logits(self) -> Tensor:
        """D(fake), raw (N,)."""
        return self._scores("fake_features", self.fake, self.fake_y)

    def _features(self, images: Tensor, y: Tensor | None) -> Tensor:
        assert self.features is not None, "this batch was made without D's features"
        return self.features(images, y)

    def _scores(self, features: str, images: Tensor, y: Tensor | None) -> Tensor:
        if self.head and features in self.__dict__:
            return self.head(getattr(self, features), y)
        return self.score(images, y)
