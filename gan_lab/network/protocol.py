"""The contracts of the networks, written down as protocols and checked when a GAN is built."""

import inspect
from typing import Any, Protocol

from torch import Tensor, nn

from gan_lab.errors import InputError


class Generator(Protocol):
    """G: latents -> images.

    Attributes:
        latent_dim: size of a latent.
        num_classes: number of labels; None, or no such attribute: it takes none.
        label_dim: size of labels that are float vectors; 0, or no such attribute: it takes none.
    """

    latent_dim: int
    num_classes: int | None
    label_dim: int

    def __call__(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images (N, C, H, W) in [-1, 1], or other data (N, ...), of latents (N, latent_dim) and labels (N,)."""
        ...


class Discriminator(Protocol):
    """D: images -> features -> raw logits.

    Attributes:
        num_features: F; only heads that other models put on the features read it (projection, acgan, infogan, ...).
        num_classes: number of labels; None, or no such attribute: it takes none.
    """

    num_features: int
    num_classes: int | None

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the last hidden layer (N, F) of images (N, C, H, W)."""
        ...

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Return raw logits (N,) of features."""
        ...

    def __call__(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return raw logits (N,): ``head(features(x, y), y)``."""
        ...


def check_generator(generator: Any) -> None:
    """Refuse a network that cannot serve as G."""
    if not isinstance(getattr(generator, "latent_dim", None), int):
        raise InputError(
            f"{_name(generator)} has no latent_dim: a generator states the size of its latents, in __init__ as "
            "self.latent_dim = latent_dim"
        )
    _check_labels(generator, "forward", "z")


def is_discriminator(network: Any) -> bool:
    """Return whether a network has the two parts of a discriminator."""
    return all(callable(getattr(network, method, None)) for method in ("features", "head"))


def check_discriminator(discriminator: Any) -> None:
    """Refuse a network that cannot serve as D."""
    if not is_discriminator(discriminator):
        raise InputError(
            f"{_name(discriminator)} lacks the methods features and head: a discriminator splits its forward(x, y) into "
            "features(x, y) -> (N, F) and head(features, y) -> logits (N,), so that losses and penalties share one pass"
        )
    for method, first in (("features", "x"), ("head", "features"), ("forward", "x")):
        _check_labels(discriminator, method, first)


def _check_labels(network: Any, method: str, first: str) -> None:
    """Refuse a method that cannot be called with labels, which all networks are called with, None where there are none."""
    try:
        inspect.signature(getattr(network, method)).bind(None, None)
    except TypeError as error:
        raise InputError(
            f"{_name(network)}.{method} takes no labels: write it as {method}(self, {first}, y=None); without labels y is None"
        ) from error


def _name(network: nn.Module) -> str:
    return f"{type(network).__module__}.{type(network).__qualname__}"
