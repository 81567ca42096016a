"""Conditional GAN (Mirza & Osindero 2014, https://arxiv.org/abs/1411.1784)."""

from typing import Any

import torch
from torch import Tensor, nn

from gan_lab.model.conditional import labelled, require_labels
from gan_lab.model.gan import GAN
from gan_lab.ranges import Size


class CGAN(GAN):
    """Both players see the label: G beside its latents, D as channels beside the image's (eq. 2).

    Differs from the paper: labels are embedded in few numbers instead of mapped by hidden layers (ganhacks 16), so that any
    network takes them; a generator with conditional BatchNorm (resnet) has them there.

    Args:
        generator: see `GANModule`.
        discriminator: takes ``label_channels`` channels beside the image's.
        num_classes: number of labels.
        label_channels: of D's input.
        args: see `GANModule`.
        kwargs: see `GANModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *args: Any,
        num_classes: Size | None,
        label_channels: Size = 3,
        **kwargs: Any,
    ) -> None:
        classes = require_labels(num_classes, "cgan")
        players = labelled(generator, classes), LabelChannels(discriminator, classes, label_channels)
        super().__init__(*players, *args, **kwargs)


class LabelChannels(nn.Module):
    """A discriminator that sees each label as constant channels beside the image's.

    Args:
        discriminator: of images with ``label_channels`` channels more.
        num_classes: number of labels.
        label_channels: numbers that stand for one.
    """

    def __init__(self, discriminator: nn.Module, num_classes: int, label_channels: int) -> None:
        super().__init__()
        self.discriminator: Any = discriminator
        self.embedding = nn.Embedding(num_classes, label_channels)

    def features(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the discriminator's features of the image with its label's channels."""
        channels = self.embedding(y).view(len(x), -1, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        return self.discriminator.features(torch.cat([x, channels.to(x.dtype)], 1))

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Return raw logits (N,) of features."""
        return self.discriminator.head(features, y)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return raw logits (N,)."""
        return self.head(self.features(x, y), y)
