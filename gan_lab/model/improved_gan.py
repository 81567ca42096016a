"""Improved techniques for training GANs (Salimans 2016, https://arxiv.org/abs/1606.03498)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm
from torch.nn.utils.parametrizations import spectral_norm

from gan_lab.model.gan import GAN
from gan_lab.network import layers
from gan_lab.ranges import Size


class ImprovedGAN(GAN):
    """D sees how similar an image is to the others of its batch, so that it notices mode collapse (section 3.2).

    The paper's other techniques are options: ``trick=soft_labels`` (one-sided smoothing, section 3.4), which this model's
    configuration chooses, ``regularizer=feature_matching`` (3.1), ``trick=historical_averaging`` (3.3), and virtual batch
    normalisation (3.5) as a norm.

    Differs from the paper: the features are normalised before the kernel, and the similarity is a mean, where the authors'
    code has a sum, and scales and shifts it by the first batch; there is no semi-supervised part; the networks are DCGAN's.
    In that code's CIFAR-10 script G takes three steps per step of D and its loss is the saturating one, latents are uniform in
    [0, 1), D's input has noise of 0.2, no label is smoothed, and rates fall to 0 over the last third.

    Args:
        generator: see `GANModule`.
        discriminator: see `GANModule`; has ``num_features``.
        kernels: numbers of minibatch_similarity that join D's features.
        kernel_dim: in which each of them is measured.
        head_init: initial weights of the kernels and of the last layer, a key of `layers.INITS`; None: torch's.
        args: see `GANModule`.
        kwargs: see `GANModule`.
    """

    batch_dependent = True
    compares_images = True

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *args: Any,
        kernels: Size,
        kernel_dim: Size,
        head_init: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator, MinibatchDiscriminator(discriminator, kernels, kernel_dim, head_init), *args, **kwargs)


class MinibatchDiscriminator(nn.Module):
    """A discriminator whose features end in their similarity to those of the rest of the batch.

    Args:
        discriminator: its last layer is not used.
        kernels: see `ImprovedGAN`.
        kernel_dim: see `ImprovedGAN`.
        head_init: see `ImprovedGAN`.
    """

    def __init__(self, discriminator: Any, kernels: int, kernel_dim: int, head_init: str | None = None) -> None:
        super().__init__()
        self.discriminator, self.kernels = discriminator, kernels
        self.num_features = discriminator.num_features + kernels
        self.kernel = nn.Linear(discriminator.num_features, kernels * kernel_dim, bias=False)
        self.output = nn.Linear(self.num_features, 1)
        layers.initialise(self.kernel, head_init)
        layers.initialise(self.output, head_init)
        if layers.has_spectral_norm(discriminator):
            spectral_norm(self.kernel)
            spectral_norm(self.output)
        discriminator.output = nn.Identity()  # else weights that no gradient reaches

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the discriminator's features, and the similarity of each image to the others, (N, num_features)."""
        features = self.discriminator.features(x, y)
        points = self.kernel(layer_norm(features, features.shape[1:])).unflatten(1, (self.kernels, -1))
        return torch.cat([features, minibatch_similarity(points)], 1)

    def head(self, features: Tensor, y: Tensor | None = None) -> Tensor:
        """Return raw logits (N,) of features."""
        return self.output(features).squeeze(1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return raw logits (N,)."""
        return self.head(self.features(x, y), y)


def minibatch_similarity(points: Tensor) -> Tensor:
    """Return the mean over the others of exp(-L1 distance), (N, kernels), in [0, 1], of points (N, kernels, dim) (3.2)."""
    distances = torch.zeros_like(points[:, None, :, 0])
    for x in points.unbind(2):  # a third of the time of one difference of all, and cdist has no second derivative
        distances = distances + (x[:, None] - x[None]).abs()
    others = (-distances).exp().sum(1) - 1  # an image is at distance 0 from itself
    return others / max(len(points) - 1, 1)
