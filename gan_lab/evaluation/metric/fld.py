"""Feature Likelihood Divergence (Jiralerspong 2023, https://arxiv.org/abs/2302.04440)."""

import math
from statistics import fmean
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.inputs import EvalInputs, with_split_held_out
from gan_lab.evaluation.metric import Quantity
from gan_lab.evaluation.neighbours import blocks
from gan_lab.ranges import Count
from gan_lab.rng import make_generator

BATCH = 10_000
"""Training images in a step of the fit, as the authors have it."""


class FLD:
    """Measure fidelity, diversity and novelty in one number: the likelihood of held-out reals under the samples.

    A Fréchet distance is best for a copy of the training set; FLD is worst for it. AuthPct and C_T see copies alone. Needs
    held-out reals, and the training images as the reference (``eval.reference=train``). The authors' numbers are those of
    DINOv2, 10,000 samples and all training images.

    Args:
        max_samples: a random part of more samples is used. The fit keeps 8 bytes for each pair of sample and training image.
    """

    min_samples: ClassVar[int] = 4  # halves of two images

    def __init__(self, max_samples: Count = 10_000) -> None:
        self.max_samples = max_samples

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``fld_EXTRACTOR``, in hundredths of a nat per feature."""
        return {f"fld_{extractor.name}": Quantity("min", "0.01 nats/feature")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the divergence; nothing without held-out reals."""
        if inputs.held_out is None:
            return {}
        x, train, held_out = (z.features for z in (inputs.sample, inputs.reference, inputs.held_out))
        return {f"fld_{inputs.extractor.name}": fld(x, train, held_out, self.max_samples)}

    def baseline(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute the divergence of one half of the held-out reals by the likelihood of the other half."""
        return {} if inputs.held_out is None else self(with_split_held_out(inputs))


def fld(x: Tensor, train: Tensor, held_out: Tensor, max_samples: int = 10_000) -> float:
    """Compute -100/d · mean log p(held-out | samples) - C, where p is a mixture of Gaussians around the samples.

    Each sample is the centre of an isotropic Gaussian, whose variance is fitted to the training images (`fit`). A sample that
    copies one gets a variance near 0, and its Gaussian explains no held-out real. C is the same for a perfect generator: one
    half of the training images as centres, fitted to the other half, at most as many as there are samples.

    The value is about 0 for fresh images of the data, up to 100 for poor samples, and has no upper bound: above 1,000 they are
    copies, and the number itself depends on rounding. With more samples than half of the training images C has fewer centres,
    and the value reads low. Samples somewhat narrower than the data score below 0, for the Gaussians widen them: read it
    beside recall.

    Features are standardised by the held-out reals; those that are constant there are left out, where the authors divide by 0.

    Args:
        x: features of the samples (N, d).
        train: features of the training images (M, d), M at least 2.
        held_out: features of the held-out reals (L, d), L at least 2.
        max_samples: a random part of more samples is used.

    Raises:
        InputError: All features of the held-out reals are constant.
    """
    std, mean = torch.std_mean(held_out.double(), dim=0)
    varies = std > 0
    if not varies.any():
        raise InputError("FLD needs held-out reals that differ, and their features are all equal: choose another extractor")
    x, train, held_out = ((z.double() - mean)[:, varies] / std[varies] for z in (x, train, held_out))
    draws = make_generator(0)
    x, train = (z[torch.randperm(len(z), generator=draws).to(z.device)] for z in (x, train))
    x, half = x[:max_samples], min(len(x), max_samples, len(train) // 2)
    return 100 * (_nll(x, train, held_out) - _nll(train[:half], train[half:], held_out))


def _nll(centres: Tensor, train: Tensor, held_out: Tensor) -> float:
    """Return the negative log-likelihood of the held-out reals under the mixture fitted to ``train``, in nats per feature."""
    log_variances, d = fit(centres, train), train.shape[1]
    parts = [_log_densities(_squares(part, centres), log_variances, d).logsumexp(1) for part in blocks(held_out)]
    return (math.log(len(centres)) - float(torch.cat(parts).mean())) / d


def fit(centres: Tensor, train: Tensor) -> Tensor:
    """Fit the log variances (N,) of Gaussians around ``centres`` (N, d) to the likelihood of ``train`` (M, d).

    As in the authors' code of February 2024: Adam from the variances that suit the nearest images, at most 50 epochs. A broad
    Gaussian around the mean of ``train`` keeps images that are far from all centres from ruling the fit. Here it is the last
    column of the squared distances; it is no part of the result.
    """
    d, mean = train.shape[1], train.mean(0, keepdim=True)
    batches = [
        [torch.cat([_squares(part, centres), 0.9**2 * _squares(part, mean)], 1) for part in blocks(batch)]
        for batch in train.split(BATCH)
    ]
    nearest = torch.stack([squares.min(0).values for batch in batches for squares in batch]).min(0).values
    log_variances, log_weights = ((nearest + 1e-3) / d).log(), torch.full_like(nearest, -math.log(len(centres)))
    log_variances[-1] = log_weights[-1] = 0
    optimizer = torch.optim.Adam([log_variances], lr=0.5)
    losses: list[float] = []
    while len(losses) < 50 and not _settled(losses):
        losses.append(fmean([_step(batch, log_variances, log_weights, optimizer, d) for batch in batches]))
    return log_variances[:-1]


def _settled(losses: list[float]) -> bool:
    """Return whether the last five of seven epochs or more differ by less than 0.05 of the divergence from the last."""
    return len(losses) > 6 and max(abs(loss - losses[-1]) for loss in losses[-5:]) < 5e-4


def _step(batch: list[Tensor], log_variances: Tensor, log_weights: Tensor, optimizer: torch.optim.Optimizer, d: int) -> float:
    """Take a step on the squared distances of a batch and return its loss.

    The gradient is written out, five times faster than autograd: Σ_i r_ij (d - s_ij / variance_j) / 2 with the squared distance
    s_ij and the share r_ij of Gaussian j in the density of image i.
    """
    rows, loss, gradient = sum(map(len, batch)), 0.0, torch.zeros_like(log_variances)
    for squares in batch:
        terms = _log_densities(squares, log_variances, d).add_(log_weights)
        highest = terms.amax(1, keepdim=True)
        shares = terms.sub_(highest).exp_()
        totals = shares.sum(1)
        loss -= float((highest[:, 0] + totals.log()).sum())
        gradient += d * ((1 / totals) @ shares) - ((1 / totals) @ shares.mul_(squares)) / log_variances.exp()
    log_variances.grad = gradient / (2 * rows * d)
    optimizer.step()
    log_variances.clamp_(-40, 40)  # equal images would send it to -inf
    return loss / (rows * d)


def _squares(x: Tensor, centres: Tensor) -> Tensor:
    """Return squared distances (N, M)."""
    return torch.cdist(x, centres).square()


def _log_densities(squares: Tensor, log_variances: Tensor, d: int) -> Tensor:
    """Return log densities (N, M) of isotropic Gaussians from squared distances (N, M) and log variances (M,)."""
    return torch.addcmul(-d / 2 * (log_variances + math.log(2 * math.pi)), squares, -0.5 * (-log_variances).exp())
