"""cGANs with projection discriminator (Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637)."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gan_lab.errors import pick
from gan_lab.model.conditional import labelled, require_labels
from gan_lab.model.hinge import HingeGAN
from gan_lab.network import layers
from gan_lab.ranges import Size

EMBEDDING_INITS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "glorot": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}
"""Initial weights of the labels' embedding, by name."""


class ProjectionGAN(HingeGAN):
    """D adds to its logit the inner product of the features with the label's embedding (eq. 3); the hinge loss.

    G has conditional BatchNorm where its network offers that (resnet, sagan), else the label is a part of its latents.

    Differs from the paper: an average of G's weights is judged, there G (``model.ema_half_life_kimg=0``); fakes take the labels
    of the reals beside them, where the authors' code draws others.

    Args:
        generator: see `GANModule`.
        discriminator: see `GANModule`; has ``num_features``.
        num_classes: number of labels.
        embedding_init: initial weights of the labels' embedding, a key of `EMBEDDING_INITS`.
        args: see `GANModule`.
        kwargs: see `GANModule`.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *args: Any,
        num_classes: Size | None,
        embedding_init: str = "glorot",
        **kwargs: Any,
    ) -> None:
        classes = require_labels(num_classes, "projection")
        super().__init__(*with_labels(generator, discriminator, classes, embedding_init), *args, **kwargs)


def with_labels(
    generator: nn.Module, discriminator: nn.Module, num_classes: int | None, embedding_init: str = "glorot"
) -> tuple[nn.Module, nn.Module]:
    """Return the pair that labels condition, D by its own means or a projection; without labels, the pair as it is."""
    if num_classes is None:
        return generator, discriminator
    generator = labelled(generator, num_classes)
    if getattr(discriminator, "num_classes", None) is not None:
        return generator, discriminator
    return generator, Projection(discriminator, num_classes, init=embedding_init)


def _table(num_classes: int, discriminator: Any, init: str) -> nn.Module:
    table = nn.Embedding(num_classes, discriminator.num_features)
    pick(EMBEDDING_INITS, init, "embedding_init")(table.weight)
    return spectral_norm(table) if layers.has_spectral_norm(discriminator) else table


class Projection(nn.Module):
    """A discriminator whose logits depend on labels; the embedding is spectrally normalised where the last layer is.

    Args:
        discriminator: without labels.
        num_classes: number of labels; None: they are no classes.
        embedding: labels -> (N, num_features); None: a table of the classes.
        init: of that table, a key of `EMBEDDING_INITS`.
    """

    def __init__(
        self, discriminator: Any, num_classes: int | None, embedding: nn.Module | None = None, init: str = "glorot"
    ) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.embedding = embedding or _table(num_classes or 0, discriminator, init)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the discriminator's features (N, num_features)."""
        return self.discriminator.features(x, y)

    def head(self, features: Tensor, y: Tensor) -> Tensor:
        """Return raw logits (N,) of features and labels."""
        return self.discriminator.head(features) + (self.embedding(y) * features).sum(1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return raw logits (N,)."""
        return self.head(self.features(x), y)
