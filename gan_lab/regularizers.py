"""Regularizers on G's side: modules (generator, batch) -> scalar, terms of G's loss."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from gan_lab.convolutions import TwiceDifferentiable, gradients
from gan_lab.errors import InputError
from gan_lab.latents import RNG
from gan_lab.ranges import Count, Fraction, NonNegative
from gan_lab.schedules import Schedule, value

if TYPE_CHECKING:
    from gan_lab.model.batch import Batch


class Regularizer(nn.Module, ABC):
    """A weighted term of G's loss.

    Args:
        weight: a number, or a schedule in images.
        interval: the term is taken at every ``interval``-th step of G and then counts ``interval`` times (Karras 2020,
            appendix B).
    """

    def __init__(self, weight: NonNegative | Schedule, interval: Count = 1) -> None:
        super().__init__()
        self.weight, self.interval = weight, interval

    def is_due(self, batch: "Batch") -> bool:
        """Return whether this step of G takes the term."""
        return batch.g_steps_done % self.interval == 0

    def forward(self, generator: nn.Module, batch: "Batch") -> Tensor:
        """Return the weighted term of this step, a scalar."""
        return self.term(generator, batch) * (value(self.weight, batch.images_seen) * self.interval)

    @abstractmethod
    def term(self, generator: nn.Module, batch: "Batch") -> Tensor:
        """Return the unweighted formula."""


class L2(Regularizer):
    """The sum of the squares of all of G's weights."""

    def term(self, generator: nn.Module, batch: "Batch") -> Tensor:
        """Return the sum of squares."""
        return torch.stack([parameter.square().sum() for parameter in generator.parameters()]).sum()


class Orthogonal(Regularizer):
    """||W W^T * (1 - I)||_F^2, summed over G's weights: their rows stay orthogonal, of any length (Brock 2019, eq. 3).

    A row is what makes one output: W is (out, in) or, of a convolution, (out, in k^2). Embeddings are left out. W is what the
    layer uses: with spectral norm the normalised weight, whose estimate so moves once more per step.

    Differs from the authors' code: that has half of this gradient, which is a weight of half the size, and takes the weight
    from before the spectral norm.
    """

    def __init__(self, weight: NonNegative | Schedule = 1e-4, interval: Count = 1) -> None:
        super().__init__(weight, interval)

    def term(self, generator: nn.Module, batch: "Batch") -> Tensor:
        """Return the sum, in float32 under autocast too."""
        with torch.autocast(batch.fake.device.type, enabled=False):
            return sum((off_diagonal(rows) for rows in matrices(generator)), batch.fake.new_zeros(()))


class FeatureMatching(Regularizer):
    """||E[f(x)] - E[f(G(z))]||^2 of D's features f (Salimans 2016, section 3.1).

    Differs from the paper: it stands beside G's loss, not in its place. The means are those of a process's part of the batch.
    """

    def __init__(self, weight: NonNegative | Schedule = 1.0, interval: Count = 1) -> None:
        super().__init__(weight, interval)

    def term(self, generator: nn.Module, batch: "Batch") -> Tensor:
        """Return the squared distance of the mean features."""
        real, fake = (features.to(batch.fake.dtype).mean(0) for features in (batch.real_features, batch.fake_features))
        return (real.detach() - fake).square().sum()


class Transport(Regularizer):
    """E[|G(z) - z|^2 / d] of samples of d numbers: of all maps from latents to the data G learns the shortest (Lin 2025, AFM).

    The latents have as many numbers as a sample. To the minimum of the adversarial loss alone, a G that permutes latents is as
    good as any other; the least mean square displacement is that of the optimal transport.
    """

    def __init__(self, weight: NonNegative | Schedule = 0.2, interval: Count = 1) -> None:
        super().__init__(weight, interval)

    def term(self, generator: nn.Module, batch: "Batch") -> Tensor:
        """Return the mean square displacement of a number."""
        assert batch.z is not None
        fake = batch.fake.flatten(1)
        if fake.shape != batch.z.shape:
            raise InputError(
                f"regularizer=transport compares samples with their latents, and a sample has {fake.shape[1]} numbers where a "
                f"latent has {batch.z.shape[1]}: change network.generator.latent_dim by {fake.shape[1] - batch.z.shape[1]:+}"
            )
        return (fake - batch.z.to(fake.dtype)).square().mean()


class PathLength(Regularizer):
    """E[(|J_w^T n| - a)^2]: a step in w moves an image equally far everywhere (Karras 2020, eq. 4, appendix B).

    J_w is the Jacobian of the synthesis, n normal with variance 1 / (H W), and the length of a sample the root of the mean over
    its styles; a is their running mean. On the first half of a batch's latents; of a generator without styles, z is w.

    Differs from the authors' code: the styles of a sample are not mixed here.

    Args:
        weight: see `Regularizer`.
        interval: see `Regularizer`.
        decay: share of the new mean in a.
    """

    mean: Tensor

    def __init__(self, weight: NonNegative | Schedule = 2.0, interval: Count = 4, decay: Fraction = 0.01) -> None:
        super().__init__(weight, interval)
        self.decay = decay
        self.register_buffer("mean", torch.zeros(()))

    def term(self, generator: Any, batch: "Batch") -> Tensor:
        """Return the mean squared distance of the lengths from a, which moves first."""
        assert batch.z is not None
        n = max(len(batch.z) // 2, 1)
        z, y = batch.z[:n], None if batch.fake_y is None else batch.fake_y[:n]
        with torch.autocast(batch.fake.device.type, enabled=False):
            if hasattr(generator, "synthesis"):
                w = generator.mapping.styles(generator.synthesis.num_styles, z, y)
                lengths = path_lengths(generator.synthesis, w, batch.rng)
            else:
                z = z.detach().requires_grad_()
                lengths = path_lengths(lambda w: generator(w[:, 0], y), z[:, None], batch.rng)
        if self.training:
            self.mean.lerp_(lengths.detach().mean().to(self.mean.dtype), self.decay)
        return (lengths - self.mean).square().mean()


def path_lengths(synthesis: Callable[[Tensor], Tensor], w: Tensor, rng: RNG) -> Tensor:
    """Return |J_w^T n| of each sample, (N,), of styles w (N, layers, dim), differentiable in w and in what makes the images."""
    with TwiceDifferentiable():
        images = synthesis(w)
    noise = rng.normal(*images.shape).to(images) / math.sqrt(math.prod(images.shape[2:]))
    (gradient,) = gradients((images * noise).sum(), w)
    return gradient.square().sum(2).mean(1).sqrt()


def matrices(network: nn.Module) -> Iterator[Tensor]:
    """Yield the weights of a network's layers as matrices with a row per output, embeddings left out."""
    for module in network.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim > 1 and not isinstance(module, nn.Embedding):
            yield (weight.transpose(0, 1) if isinstance(module, _ConvTransposeNd) else weight).flatten(1)


def off_diagonal(rows: Tensor) -> Tensor:
    """Return the sum of the squares of all inner products of two different rows."""
    gram = rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows  # of the same norm, and the smaller
    return gram.square().sum() - rows.square().sum(1).square().sum()
