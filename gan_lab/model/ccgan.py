"""CcGAN, GANs conditional on numbers in the place of classes (Ding 2021, https://arxiv.org/abs/2011.07466)."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gan_lab import losses
from gan_lab.cli.words import count
from gan_lab.data.sampler import shuffled
from gan_lab.errors import InputError
from gan_lab.model.batch import Batch, StepContext
from gan_lab.model.conditional import EMBEDDING, LabelledGenerator
from gan_lab.model.gan import GAN
from gan_lab.model.projection import Projection
from gan_lab.network import layers
from gan_lab.ranges import NonNegative, OpenFraction, Size
from gan_lab.rng import StepRNG

COLUMNS = 8
"""Samples in a row of a picture, along the condition."""

KEPT = 128 * COLUMNS
"""Training labels that sampling takes in turn."""


class CcGAN(GAN):
    """Both players see an embedding of y: G beside its latents, D as a projection; D may compare within a vicinity of y.

    With a vicinity (HVDL, SVDL), D judges at targets t = y + noise: a real whose label lies within the vicinity of t, and a
    fake of a random label within it, each weighted by its label's distance from t; G's labels have the same noise. Distances
    are in units of the labels' range. Without one, each real is judged at its own label.

    Differs from the paper: the MLP that embeds y trains with its player, where the paper's improved label input fits it before
    to invert a regression network; labels reach G beside its latents and not by its norms. A target's real is chosen within the
    batch, where the authors search the training set; a target that no real of the batch is near loses its noise, where they
    draw it anew; targets are drawn from all labels, where theirs are from the distinct ones, and stay within the labels' range.
    An average of G's weights is judged.

    Args:
        generator: see `GANModule`.
        discriminator: see `GANModule`; has ``num_features``.
        label_dim: K of labels y (N, K), float; None: labels are classes (N,), of which the number itself is the condition.
        num_levels: number of such classes.
        vicinity: `HardVicinity` or `SoftVicinity`; None: none.
        kappa: size of the vicinity; None: twice the largest gap between labels (the authors' rule).
        label_noise: standard deviation of the noise; None: 1.06 times that of the labels, N^(-1/5) (Silverman's rule).
        args: see `GANModule`.
        kwargs: see `GANModule`.
    """

    takes_targets = False

    seen_labels: Tensor
    kappa: Tensor
    label_noise: Tensor

    def __init__(
        self,
        generator: nn.Module,
        discriminator: Any,
        *args: Any,
        label_dim: Size | None,
        num_levels: Size | None = None,
        vicinity: "HardVicinity | None" = None,
        kappa: NonNegative | None = None,
        label_noise: NonNegative | None = None,
        **kwargs: Any,
    ) -> None:
        if label_dim is None and num_levels is None:
            raise InputError(
                "model=ccgan learns from labels, and these data have none: give data=array data.root=FILE.npz with numbers y, "
                "or data with ordered classes"
            )
        if vicinity is not None and kappa is None and (label_dim or 1) > 1:
            raise InputError(
                f"labels of {label_dim} numbers have no gaps to set a vicinity by: give model.kappa=0.1, of their range"
            )
        g_embedding, d_embedding = (LabelEmbedding(label_dim or 1, n) for n in (EMBEDDING, discriminator.num_features))
        if layers.has_spectral_norm(discriminator):
            layers.normalise_weights(d_embedding, "spectral")
        players = LabelledGenerator(generator, None, embedding=g_embedding), Projection(discriminator, None, d_embedding)
        super().__init__(*players, *args, **kwargs)
        self.vicinity, self.given = vicinity, (kappa, label_noise)
        self.batch_dependent |= vicinity is not None
        for name, shape in (("seen_labels", (KEPT, label_dim or 1)), ("kappa", ()), ("label_noise", (label_dim or 1,))):
            self.register_buffer(name, torch.zeros(shape))
        if label_dim is None:
            self.take_labels(torch.arange(num_levels or 1).view(-1, 1).float())

    # ----- what the labels are ---------------------------------------------------------------------------------------

    def on_fit_start(self) -> None:
        """Take range, spacing and distribution of the training labels, where the data have them in memory."""
        super().on_fit_start()
        data = getattr(self.trainer, "datamodule", None)
        labels = getattr(getattr(data, "train_set", None), "labels", None)
        if labels is not None:
            self.take_labels(torch.as_tensor(labels).view(len(labels), -1).float().cpu())

    @torch.no_grad()
    def take_labels(self, labels: Tensor) -> None:
        """Set the buffers that say how labels (N, K) are distributed."""
        low, high = labels.amin(0), labels.amax(0)
        for module in self.modules():
            if isinstance(module, LabelEmbedding):
                module.low.copy_(low)
                module.high.copy_(torch.where(high > low, high, low + 1))
        unit = self.embedding.unit(labels.to(self.seen_labels)).cpu()
        self.seen_labels.copy_(in_columns(labels))
        kappa, noise = self.given
        self.label_noise.copy_(1.06 * unit.std(0, correction=0) * len(unit) ** -0.2 if noise is None else torch.tensor(noise))
        if self.vicinity is not None:
            self.kappa.copy_(torch.tensor(2 * largest_gap(unit) if kappa is None else kappa))

    @property
    def embedding(self) -> "LabelEmbedding":
        """G's embedding, which knows the labels' range."""
        return self.generator.embedding

    def labels(self, indices: Sequence[int], classes: Sequence[int | str] | None = None) -> Tensor:
        """Return conditions (N, K) of these sample numbers: training labels, ascending along a row, or ``classes`` in turn."""
        chosen = self.seen_labels
        if classes is not None:
            try:
                numbers = [float(n) for each in classes for n in ([each] if isinstance(each, str | int | float) else each)]
                chosen = torch.tensor(numbers, device=self.device).view(len(classes), chosen.shape[1])
                if not chosen.isfinite().all():
                    raise ValueError
            except (TypeError, ValueError, RuntimeError) as error:
                raise InputError(
                    f"classes={list(classes)}: give conditions of {count(chosen.shape[1], 'number')} each"
                ) from error
        return chosen[torch.tensor(indices, device=self.device) % len(chosen)]

    @property
    def label_range(self) -> tuple[Tensor, Tensor]:
        """Lowest and highest numbers (K,) of the training labels."""
        return self.embedding.low, self.embedding.high

    @property
    def columns(self) -> int:
        """Number of pictures in a row, along the condition."""
        return COLUMNS

    # ----- the vicinity ----------------------------------------------------------------------------------------------

    def discriminator_batch(self, real: Tensor, y: Tensor | None, step: StepContext) -> Batch:
        """Return reals and fakes of labels near common targets, with their weights."""
        if self.vicinity is None or y is None:
            return super().discriminator_batch(real, y, step)
        unit, reach = self.embedding.unit(y), self.vicinity.reach * self.kappa
        target, rows = pair(unit, self.noisy(unit, step.rng), reach, step.rng)
        near = (target + reach * (2 * step.rng.uniform(*target.shape) - 1)).clamp(0, 1)
        batch = super().discriminator_batch(real[rows], self.embedding.raw(near), step)
        batch.y = batch.fake_y = self.embedding.raw(target)
        weights = (self.vicinity((label - target).norm(dim=1) / self.kappa) for label in (unit[rows], near))
        batch.real_weights, batch.fake_weights = weights
        return batch

    def generator_batch(self, real: Tensor, y: Tensor | None, step: StepContext) -> Batch:
        """Return fakes, whose labels have noise where there is a vicinity."""
        if self.vicinity is not None and y is not None:
            y = self.embedding.raw(self.noisy(self.embedding.unit(y), step.rng))
        return super().generator_batch(real, y, step)

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return Goodfellow's loss, eq. 1, weighted by the distances of labels from their targets."""
        if self.vicinity is None:
            return super().discriminator_loss(batch)
        assert batch.real_weights is not None and batch.fake_weights is not None
        return losses.vicinal_d(batch.real_logits, batch.fake_logits, batch.real_weights, batch.fake_weights)

    def noisy(self, unit: Tensor, rng: StepRNG) -> Tensor:
        """Return labels in [0, 1] with noise."""
        return (unit + self.label_noise * rng.normal(*unit.shape)).clamp(0, 1)


class HardVicinity:
    """HVDL: labels within kappa of the target count alike, and no others."""

    reach = 1.0
    """Radius of the vicinity, in units of kappa."""

    def __call__(self, distance: Tensor) -> Tensor:
        """Return weights (N,) of distances in units of kappa."""
        return (distance <= self.reach).to(distance.dtype)


class SoftVicinity(HardVicinity):
    """SVDL: weights are exp(-nu d^2) with nu = 1 / kappa^2; none below ``least``.

    Args:
        least: smallest weight, which is taken at the radius.
    """

    def __init__(self, least: OpenFraction = 1e-3) -> None:
        self.reach = math.sqrt(-math.log(least))

    def __call__(self, distance: Tensor) -> Tensor:
        """Return weights (N,) of distances in units of kappa."""
        return (-distance.square()).exp()


class LabelEmbedding(nn.Module):
    """A multilayer perceptron on labels, whose range it scales to [-1, 1].

    Args:
        label_dim: K.
        dim: size of the embedding.
        width: of its two hidden layers.
    """

    low: Tensor
    high: Tensor

    def __init__(self, label_dim: int, dim: int, width: int = 128) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(label_dim))
        self.register_buffer("high", torch.ones(label_dim))
        self.layers = nn.Sequential(
            *(nn.Linear(label_dim, width), nn.ReLU()), *(nn.Linear(width, width), nn.ReLU()), nn.Linear(width, dim)
        )

    def unit(self, y: Tensor) -> Tensor:
        """Return labels (N, K) or (N,) as (N, K) in [0, 1]."""
        return (y.view(len(y), -1).to(self.low) - self.low) / (self.high - self.low)

    def raw(self, unit: Tensor) -> Tensor:
        """Return the labels, the inverse of `unit`."""
        return self.low + unit * (self.high - self.low)

    def forward(self, y: Tensor) -> Tensor:
        """Return embeddings (N, dim)."""
        return self.layers(2 * self.unit(y) - 1)


def pair(labels: Tensor, targets: Tensor, reach: Tensor, rng: StepRNG) -> tuple[Tensor, Tensor]:
    """Choose for each target (N, K) a row of ``labels`` (N, K) within ``reach``, each with the same chance.

    A target without such a row becomes the label of its own row, which is chosen.
    """
    near = (targets[:, None] - labels[None]).norm(dim=2) <= reach
    draws, alone = rng.uniform(*near.shape), ~near.any(1)
    rows = torch.where(near, draws, draws - 1).argmax(1)
    return torch.where(alone[:, None], labels, targets), torch.where(alone, torch.arange(len(rows), device=rows.device), rows)


def in_columns(labels: Tensor) -> Tensor:
    """Return labels (KEPT, K) distributed as these (N, K); each `COLUMNS` in a row ascend in their first number."""
    evenly = torch.linspace(0, len(labels) - 1, KEPT).round().long()
    by_column = labels[labels[:, 0].argsort()[evenly]].view(COLUMNS, -1, labels.shape[1])
    return by_column[:, shuffled(by_column.shape[1])].transpose(0, 1).reshape(KEPT, -1)


def largest_gap(unit: Tensor) -> float:
    """Return the largest difference of neighbouring labels (N, 1)."""
    return float(unit.flatten().unique().diff().max()) if len(unit.unique()) > 1 else 1.0
