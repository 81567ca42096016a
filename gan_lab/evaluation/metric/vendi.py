"""Vendi score: the effective number of different samples (Friedman & Dieng 2023, https://arxiv.org/abs/2210.02410)."""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs
from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.neighbours import blocks
from gan_lab.ranges import Count, NonNegative
from gan_lab.rng import make_generator


class Vendi:
    """Measure the diversity of the samples alone.

    It is reference-free: recall and coverage say whether the diversity is that of the reals, precision and density whether
    the samples are any good. Noise is diverse, so read it beside one of these, and beside its real-data baseline.

    Args:
        degree: of the kernel; see `vendi_score`.
        offset: of the kernel.
        max_samples: the largest eigenproblem to solve.
    """

    min_samples: ClassVar[int] = 2

    def __init__(self, degree: Count = 1, offset: NonNegative = 0.0, max_samples: Count = 10_000) -> None:
        self.degree, self.offset, self.max_samples = degree, offset, max_samples

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``vendi_EXTRACTOR``, in images."""
        return {f"vendi_{extractor.name}": Quantity("max", "images")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the score of the samples."""
        value = vendi_score(inputs.sample.features, self.degree, self.offset, self.max_samples)
        return {f"vendi_{inputs.extractor.name}": value}

    def baseline(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the score of the held-out reals; comparable where there are as many of them as samples."""
        return {} if inputs.held_out is None else self(replace(inputs, sample=inputs.held_out))


def vendi_score(x: Tensor, degree: int = 1, offset: float = 0.0, max_samples: int = 10_000) -> float:
    """Compute exp(-Σ λ log λ) over the eigenvalues λ of K / N, with K_ij = ((x_i·x_j + offset) / (1 + offset))^degree.

    The rows are first scaled to length 1, so that K_ii = 1 and the λ sum to 1, as the definition asks. The default is the
    cosine kernel. ``degree=3, offset=d`` is the polynomial kernel of dgm-eval, which leaves out the division: its λ sum to
    (1 + 1/d)^3. That kernel is almost constant on rows of length 1, and so is its score.

    The value lies in [1, N], at most d for the cosine kernel: 1 for N equal rows, N for N orthogonal ones, and for groups of
    equal rows that are orthogonal to each other the exponential of the entropy of their shares. It is biased: an entropy
    of N samples reads low, and for a kernel of many dimensions still at N = 20,000 (Ospanov & Farnia 2024,
    https://arxiv.org/abs/2410.21719). Compare it at equal N alone. The cosine kernel has settled where N is many times d.

    Args:
        x: features (N, d). A row of zeros equals other rows of zeros, and is orthogonal to all else.
        degree: of the kernel, from 1.
        offset: of the kernel, from 0.
        max_samples: rows of the N x N eigenproblem, a random part of more rows. With degree 1 the d x d problem, which has
            the same eigenvalues, takes its place where it is the smaller one.
    """
    if degree == 1 and x.shape[1] < min(len(x), max_samples):
        rows = [_unit(part, offset) for part in blocks(x)]
        n, matrix = len(x), torch.stack([part.T @ part for part in rows]).sum(0)
    else:
        some = torch.randperm(len(x), generator=make_generator(0))[:max_samples]
        unit = _unit(x[some.to(x.device)].double(), offset)
        n, matrix = len(unit), (unit @ unit.T) ** degree
    eigenvalues = torch.linalg.eigvalsh(matrix / n).clamp_min(0)
    return float(torch.special.entr(eigenvalues).sum().exp())


def _unit(x: Tensor, offset: float) -> Tensor:
    """Return rows (N, d + 1) of length 1 whose products are the kernel of degree 1."""
    zero = (x == 0).all(1, keepdim=True)
    last = torch.full_like(x[:, :1], offset**0.5).masked_fill(zero, 1.0)
    return normalize(torch.cat([normalize(x), last], 1))
