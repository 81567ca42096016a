"""The mapping networks of StyleGAN: from latents and labels to styles (Karras 2019, https://arxiv.org/abs/1812.04948)."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from gan_lab.errors import InputError
from gan_lab.network.equalized import EqualizedLinear, activated, normalised


class Mapping(nn.Module):
    """z (N, latent_dim) and labels (N,) -> styles w (N, style_dim).

    Args:
        latent_dim: size of z.
        style_dim: size of w.
        n_layers: number of layers.
        num_classes: number of labels, whose embedding is concatenated to z; None: none.
        mean_rate: share of a batch in ``mean``.
        gain: of the weights, of the factor sqrt(2) that preserves the variance; the activations have the rest.

    Attributes:
        mean: of w, a running mean over training's; truncation pulls towards it (Karras 2019, appendix B).
    """

    mean: Tensor

    def __init__(
        self,
        latent_dim: int,
        style_dim: int,
        n_layers: int,
        num_classes: int | None = None,
        mean_rate: float = 0.002,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.embedding = None if num_classes is None else Label(num_classes, style_dim)
        inputs = latent_dim + (0 if num_classes is None else style_dim)
        widths = [inputs] + [style_dim] * n_layers
        self.layers = nn.ModuleList(EqualizedLinear(a, b, lr_factor=0.01, gain=gain) for a, b in pairwise(widths))
        self.mean_rate, self.gain = mean_rate, math.sqrt(2) / gain
        self.register_buffer("mean", torch.zeros(style_dim))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return styles."""
        w = normalised(z)
        if self.embedding is not None:
            w = torch.cat([w, normalised(self.embedding(y))], 1)
        for layer in self.layers:
            w = activated(layer(w), self.gain)
        if self.training:
            self.mean.lerp_(w.detach().mean(0).to(self.mean.dtype), self.mean_rate)
        return w

    def styles(
        self,
        n: int,
        z: Tensor,
        y: Tensor | None = None,
        second: Tensor | None = None,
        mixed: Tensor | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Return the styles of ``n`` layers, (N, n, style_dim).

        Args:
            n: number of layers.
            z: latents.
            y: labels (N,), with ``num_classes``.
            second: latents whose styles replace those of ``z`` in some layers (style mixing, Karras 2019, section 3.1).
            mixed: those layers of each image, (N, n), boolean.
            truncation: distance of the styles from their mean, relative to their own; None: 1.
        """
        w = self(z, y)[:, None].expand(-1, n, -1)
        if second is not None and mixed is not None:
            w = torch.where(mixed[..., None], self(second, y)[:, None], w)
        return w if truncation is None else torch.lerp(self.mean, w, truncation)


class Label(nn.Module):
    """Labels (N,) -> vectors (N, dim), as an equalized linear layer on one-hot labels."""

    def __init__(self, num_classes: int, dim: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(num_classes, dim)), nn.Parameter(torch.zeros(dim))
        self.scale = 1 / math.sqrt(num_classes)

    def forward(self, y: Tensor | None) -> Tensor:
        """Return vectors."""
        if y is None:
            raise InputError(
                f"network.*.num_classes={len(self.weight)} makes the pair conditional, but this model passes no labels: use "
                "num_classes=null"
            )
        return self.weight[y] * self.scale + self.bias


class LabelMapping(nn.Module):
    """Labels (N,) -> vectors (N, dim) by which D's output is projected."""

    def __init__(self, num_classes: int, dim: int, n_layers: int) -> None:
        super().__init__()
        self.embedding = Label(num_classes, dim)
        self.layers = nn.ModuleList(EqualizedLinear(dim, dim, lr_factor=0.01) for _ in range(n_layers))

    def forward(self, y: Tensor | None) -> Tensor:
        """Return vectors."""
        h = normalised(self.embedding(y))
        for layer in self.layers:
            h = activated(layer(h))
        return h
