"""One batch of one step: the data that losses, penalties and regularizers read, and the context in which it was made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from gan_lab.data.pixels import to_unit
from gan_lab.errors import InputError
from gan_lab.rng import StepRNG

Discriminate = Callable[..., Tensor]
"""(images or features, labels) -> a tensor with a row per image: D, its features or its head, as one step uses them."""

Kind = Literal["real", "fake"]


@dataclass(frozen=True)
class StepContext:
    """The circumstances of one player's step, or of one part of it under accumulation.

    Attributes:
        rng: draws of this step.
        images_seen: real images that D had seen before this step, over all ranks.
        d_steps_done: D's steps before this one; lazy penalties count in these.
        generator: G, or a trick's substitute for it while D trains.
        discriminator: D, or a trick's substitute for it while G trains.
        g_steps_done: G's steps before this one; lazy regularizers count in these.
        part: number of this part of the batch under accumulation, from 0.
    """

    rng: StepRNG
    images_seen: int = 0
    d_steps_done: int = 0
    generator: Any = None
    discriminator: Any = None
    g_steps_done: int = 0
    part: int = 0


@dataclass
class Batch:
    """Reals, fakes, and D's features and logits of both, each computed once, when first read.

    Logits are always the head of the features, so that no value depends on which of them was read first.

    Attributes:
        real: (N, C, H, W) in [-1, 1], or points (N, 2, 1, 1).
        fake: like ``real``; detached in D's step; with ``g_batch_ratio`` times as many rows in G's step.
        y: labels (N,) of ``real``, or None.
        fake_y: labels given to G, or None.
        logits: D, augmentation included: (images, labels) -> raw logits (N,).
        step: the circumstances, whose numbers are also attributes of the batch.
        features: D up to its last hidden layer, augmentation included; None where only logits exist. With ``offset=`` also
            features of the images moved by it, in one pass: see `GANModule.features`.
        head: the rest of D: (features, labels) -> raw logits (N,).
        z: latents of ``fake``.
        real_weights: of the reals in D's loss, (N,); None: all count alike.
        fake_weights: of the fakes.
        offsets: by kind of image, from every how manieth image to a neighbour that D is to see in the same pass; see
            `differences`.
    """

    real: Tensor
    fake: Tensor
    y: Tensor | None
    fake_y: Tensor | None
    logits: Discriminate
    step: StepContext
    features: Discriminate | None = None
    head: Discriminate | None = None
    z: Tensor | None = None
    real_weights: Tensor | None = None
    fake_weights: Tensor | None = None
    offsets: dict[Kind, tuple[int, Tensor]] = field(default_factory=dict)
    _neighbours: dict[Kind, Tensor] = field(default_factory=dict)

    @property
    def rng(self) -> StepRNG:
        """Draws of this step."""
        return self.step.rng

    @property
    def images_seen(self) -> int:
        """Real images that D had seen before this step, over all ranks."""
        return self.step.images_seen

    @property
    def d_steps_done(self) -> int:
        """D's steps before this one."""
        return self.step.d_steps_done

    @property
    def g_steps_done(self) -> int:
        """G's steps before this one."""
        return self.step.g_steps_done

    @cached_property
    def real_features(self) -> Tensor:
        """Features of the last hidden layer of D on reals, (N, F)."""
        return self._features("real")

    @cached_property
    def fake_features(self) -> Tensor:
        """Features of the last hidden layer of D on fakes, (N, F)."""
        return self._features("fake")

    @cached_property
    def real_logits(self) -> Tensor:
        """D(real), raw (N,). In G's step only relativistic losses read it."""
        return self.head(self.real_features, self.y) if self.head else self.logits(self.real, self.y)

    @cached_property
    def fake_logits(self) -> Tensor:
        """D(fake), raw (N,)."""
        return self.head(self.fake_features, self.fake_y) if self.head else self.logits(self.fake, self.fake_y)

    def images(self, kind: Kind, stride: int = 1) -> tuple[Tensor, Tensor | None]:
        """Return the reals or the fakes, or every ``stride``-th of them, and their labels."""
        images, y = (self.real, self.y) if kind == "real" else (self.fake, self.fake_y)
        return (images, y) if stride == 1 else (images[::stride], None if y is None else y[::stride])

    def differences(self, kind: Kind) -> Tensor:
        """Return D(x + offset) - D(x), raw (N,), of the images whose neighbours D has seen in their pass."""
        here = self.real_features if kind == "real" else self.fake_features
        stride, _ = self.offsets[kind]
        _, y = self.images(kind, stride)
        assert self.head is not None
        return self.head(self._neighbours[kind], y) - self.head(here[::stride], y)

    def differences_at(self, images: Tensor, y: Tensor | None, offset: Tensor) -> Tensor:
        """Return D(x + offset) - D(x), raw (N,), of any images, in a pass of their own in float32, outside autocast."""
        with torch.autocast(images.device.type, enabled=False):
            here, there = self._with_neighbours(images, y, offset)
            assert self.head is not None
            return self.head(there, y) - self.head(here, y)

    def _features(self, kind: Kind) -> Tensor:
        assert self.features is not None, "this batch was made without D's features"
        images, y = self.images(kind)
        if kind not in self.offsets:
            return self.features(images, y)
        stride, offset = self.offsets[kind]
        here, self._neighbours[kind] = self._with_neighbours(images, y, offset, stride)
        return here

    def _with_neighbours(self, images: Tensor, y: Tensor | None, offset: Tensor, stride: int = 1) -> tuple[Tensor, Tensor]:
        assert self.features is not None, "this batch was made without D's features"
        features = self.features(images, None if y is None else torch.cat([y, y[::stride]]), offset=offset, stride=stride)
        return features[: len(images)], features[len(images) :]


def unpack(batch: Any, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
    """Return images or points of this dtype, and labels or None, from a loader's batch.

    Args:
        batch: images alone, ``(images,)``, or ``(images, labels)``; uint8 images are scaled to [-1, 1].
        dtype: of the weights.

    Raises:
        InputError: for anything else, such as a dict or a triple.
    """
    parts = (batch,) if isinstance(batch, Tensor) else batch
    if not isinstance(parts, tuple | list) or not 1 <= len(parts) <= 2 or not isinstance(parts[0], Tensor):
        shown = f"{type(batch).__name__} of {len(batch)}" if isinstance(batch, tuple | list | dict) else type(batch).__name__
        raise InputError(
            f"the loader hands over a {shown}: a GAN trains on a tensor of images, on (images,) or on (images, labels); "
            "give the DataLoader a collate_fn that returns one of these"
        )
    images, y = parts[0], parts[1] if len(parts) == 2 else None
    return (to_unit(images) if images.dtype == torch.uint8 else images).to(dtype), y
