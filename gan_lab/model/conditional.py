"""Shared parts of the conditional GANs: they require labels, and every generator can take them."""

import torch
from torch import Tensor, nn

from gan_lab.errors import InputError

EMBEDDING = 10
"""Numbers that stand for a label beside the latents: few, as ganhacks 16 advises."""


class LabelledGenerator(nn.Module):
    """A generator without labels that gets them as a part of its latents (Mirza 2014; embedded as in Odena 2017).

    Args:
        generator: takes latents of ``latent_dim`` numbers, of which the last ``embedding_dim`` will stand for the label.
        num_classes: number of labels; None: they are no classes.
        embedding_dim: numbers that stand for one.
        embedding: labels -> (N, embedding_dim); None: a table of the classes.
    """

    def __init__(
        self,
        generator: nn.Module,
        num_classes: int | None,
        embedding_dim: int = EMBEDDING,
        embedding: nn.Module | None = None,
    ) -> None:
        super().__init__()
        whole = int(generator.latent_dim)  # type: ignore[arg-type]  # every generator has it
        if whole <= embedding_dim:
            raise InputError(
                f"network.generator.latent_dim={whole} leaves no room for the {embedding_dim} numbers that stand for a label: "
                f"use {whole + embedding_dim}"
            )
        self.generator, self.num_classes, self.latent_dim = generator, num_classes, whole - embedding_dim
        self.embedding = embedding or nn.Embedding(num_classes or 0, embedding_dim)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        """Return images (N, C, H, W) of the latents z (N, latent_dim) and the labels y (N,)."""
        return self.generator(torch.cat([z, self.embedding(y)], 1))


def labelled(generator: nn.Module, num_classes: int) -> nn.Module:
    """Return the generator itself where it takes labels (conditional BatchNorm), else a `LabelledGenerator` around it."""
    takes_labels = getattr(generator, "num_classes", None) is not None
    return generator if takes_labels else LabelledGenerator(generator, num_classes)


def require_labels(num_classes: int | None, model: str) -> int:
    """Return the number of labels; raise an `InputError` with the remedies where there are none."""
    if num_classes is None:
        raise InputError(
            f"model={model} learns from labels, and these data have none: give data.num_classes=NUMBER where they have class "
            "folders, data.attributes=[Smiling] for celeba, data with labels (digits, mnist, cifar10, ...), model=ccgan for "
            "labels that are numbers, or another model"
        )
    return num_classes
