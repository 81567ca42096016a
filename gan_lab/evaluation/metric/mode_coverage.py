"""Mode coverage on data whose modes are known: rings and grids of Gaussians, images of blobs.

A sample near a mode is of high quality, as VEEGAN counts (Srivastava 2017, https://arxiv.org/abs/1705.07761, section 5.1;
three standard deviations for Gaussians). VEEGAN takes one such sample to cover a mode, by which plain noise covers all;
here it takes a share of the samples.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from gan_lab.errors import InputError
from gan_lab.evaluation.metric.histogram import Histogram
from gan_lab.evaluation.metric.protocol import check_primary


class Layout(Protocol):
    """Where the modes of the data are.

    Attributes:
        centers: (K, ...), one per mode.
    """

    centers: Tensor

    def assign(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest mode (N,) of each sample, and whether it is near enough to be of high quality (N,)."""


class ModeCoverage:
    """Modes covered, high-quality fraction, and how evenly the modes are hit.

    Scores:
        modes: number of modes that hold at least ``min_share`` of all samples as high-quality ones.
        high_quality: fraction of all samples that are of high quality.
        kl_modes: KL(samples || uniform) over the nearest modes of the high-quality samples alone, in nats; left out
            when there is none. Its floor is its expectation for N perfect samples, (K - 1) / 2N with N the high-quality
            held-out reals; the floors of the others are measured on the held-out reals.

    ``modes`` chooses the best checkpoint, as the only one that neither collapse nor noise can win: a single mode has the
    best ``high_quality``, and noise that hits every mode a little has a ``kl_modes`` near the floor.

    Args:
        layout: the modes of the data.
        primary: the score that chooses the best checkpoint.
        mode: "min" or "max".
        min_share: share of all samples that a mode must hold to be covered.
    """

    def __init__(self, layout: Layout, primary: str = "modes", mode: str = "max", min_share: float = 0.01) -> None:
        self.better = {"modes": "max", "high_quality": "max", "kl_modes": "min"}
        check_primary(self.better, primary, mode)
        self.layout, self.primary, self.mode, self.min_share = layout, primary, mode, min_share
        self.num_modes = len(layout.centers)
        # the last bin holds what is of low quality
        self.fakes, self.held_out = Histogram(self.num_modes + 1), Histogram(self.num_modes + 1)
        self.n_fake = self.n_held_out = 0

    def to(self, device: torch.device | str) -> None:
        """Count on this device from now on; the layout works on the CPU, in float64."""
        self.fakes.to(device)
        self.held_out.to(device)

    def update_reference(self, real: Tensor) -> None:
        """Nothing: the reference is the layout."""

    def update_held_out(self, real: Tensor, y: Tensor | None = None) -> None:
        """Add held-out reals."""
        self._count(self.held_out, real)

    def update(self, fake: Tensor, y: Tensor | None = None) -> None:
        """Add samples."""
        self._count(self.fakes, fake)

    def compute(self) -> dict[str, float]:
        """The scores of the samples since `reset`."""
        counts = self.fakes.compute()
        self.n_fake = int(counts.sum())
        if not self.n_fake:
            raise InputError("metric=modes needs 1 sample or more, not 0")
        return self._scores(counts)

    def floor(self) -> dict[str, float]:
        """The scores of the held-out reals, and the expectation of KL."""
        counts = self.held_out.compute()
        self.n_held_out = int(counts.sum())
        if not self.n_held_out:
            return {}
        scores = self._scores(counts)
        if "kl_modes" in scores:
            scores["kl_modes"] = (self.num_modes - 1) / (2 * int(counts[:-1].sum()))
        return scores

    def reset(self) -> None:
        """Forget the samples; keep the held-out reals."""
        self.fakes.reset()

    def protocol(self) -> dict[str, Any]:
        """How the modes were counted in the last `compute` and `floor`."""
        return {
            "num_modes": self.num_modes,
            "min_share": self.min_share,
            "n_fake": self.n_fake,
            "n_held_out": self.n_held_out,
        }

    def _count(self, histogram: Histogram, samples: Tensor) -> None:
        mode, high_quality = self.layout.assign(samples.to("cpu", torch.float64))
        histogram.update(mode.where(high_quality, self.num_modes))

    def _scores(self, counts: Tensor) -> dict[str, float]:
        total, good = int(counts.sum()), counts[:-1].double()
        scores = {
            "modes": float((good / total >= self.min_share).sum()),
            "high_quality": float(good.sum() / total),
        }
        if good.any():
            p = good / good.sum()
            scores["kl_modes"] = float(torch.xlogy(p, p * self.num_modes).sum())
        return scores
