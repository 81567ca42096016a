"""Regularizers on G's side: modules (generator, batch) -> scalar, terms of G's loss."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from gan_lab.schedules import Schedule, value

if TYPE_CHECKING:
    from gan_lab.model.batch import Batch


class Regularizer(nn.Module, ABC):
    """A weighted term of G's loss.

    Args:
        weight: a number, or a schedule in images.
    """

    def __init__(self, weight: float | Schedule) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, generator: nn.Module, batch: "Batch") -> Tensor:
        """Return the weighted term of this step, a scalar."""
        return value(self.weight, batch.images_seen) * self.term(generator, batch)

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

    def __init__(self, weight: float | Schedule = 1e-4) -> None:
        super().__init__(weight)

    def term(self, generator: nn.Module, batch: "Batch") -> Tensor:
        """Return the sum, in float32 under autocast too."""
        with torch.autocast(batch.fake.device.type, enabled=False):
            return sum((off_diagonal(rows) for rows in matrices(generator)), batch.fake.new_zeros(()))


class FeatureMatching(Regularizer):
    """||E[f(x)] - E[f(G(z))]||^2 of D's features f (Salimans 2016, section 3.1).

    Differs from the paper: it stands beside G's loss, not in its place. The means are those of a process's part of the batch.
    """

    def __init__(self, weight: float | Schedule = 1.0) -> None:
        super().__init__(weight)

    def term(self, generator: nn.Module, batch: "Batch") -> Tensor:
        """Return the squared distance of the mean features."""
        real, fake = (features.to(batch.fake.dtype).mean(0) for features in (batch.real_features, batch.fake_features))
        return (real.detach() - fake).square().sum()


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
