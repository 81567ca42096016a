"""Mode coverage on data whose modes are known: rings and grids of Gaussians, images of blobs.

A sample near a mode is of high quality, as VEEGAN counts (Srivastava 2017, https://arxiv.org/abs/1705.07761, section 5.1;
three standard deviations for Gaussians). VEEGAN takes one such sample to cover a mode, by which plain noise covers all;
here it takes a share of the samples.
"""

from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.extractor.pixels import Pixels
from gan_lab.evaluation.inputs import EvalInputs, Features
from gan_lab.evaluation.metric import BaseMetric, Quantity
from gan_lab.ranges import Fraction


class Layout(Protocol):
    """Modes of the data.

    Attributes:
        centers: (K, ...), one per mode.
    """

    centers: Tensor

    def assign(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nearest mode (N,) of each sample (N, d), and whether it is near enough to be of high quality (N,)."""


class Modes(BaseMetric):
    """Modes covered, high-quality fraction, and how evenly the modes are hit; on the features of ``pixels`` alone.

    ``modes`` is the main one, which neither collapse nor noise can win: a single mode has the best ``high_quality``, and
    noise that hits every mode a little has a ``kl_modes`` near the baseline.

    Args:
        min_share: share of all samples that a mode must hold to be covered.
    """

    min_samples = 1
    needs: ClassVar[frozenset[str]] = frozenset({"layout"})

    def __init__(self, min_share: Fraction = 0.01) -> None:
        self.min_share = min_share

    def quantities(self, extractor: Extractor) -> dict[str, Quantity]:
        """Return ``modes``, ``high_quality`` and ``kl_modes``; none for features that are no pixels."""
        if extractor.name != Pixels.name:
            return {}
        return {"modes": Quantity("max"), "high_quality": Quantity("max"), "kl_modes": Quantity("min", "nats")}

    def __call__(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute all three.

        modes: number of modes that hold at least ``min_share`` of all samples as high-quality ones.
        high_quality: fraction of all samples that are of high quality.
        kl_modes: KL(samples || uniform) over the nearest modes of the high-quality samples; left out without any.
        """
        if inputs.extractor.name != Pixels.name:
            return {}
        counts = self._counts(inputs, inputs.sample)
        total, good = int(counts.sum()), counts[:-1].double()
        values = {
            "modes": float((good / total >= self.min_share).sum()),
            "high_quality": float(good.sum() / total),
        }
        if good.any():
            p = good / good.sum()
            values["kl_modes"] = float(torch.xlogy(p, p * len(p)).sum())
        return values

    def baseline(self, inputs: EvalInputs) -> dict[str, float]:
        """Compute them for held-out reals; of KL its expectation for N perfect samples of high quality, (K - 1) / 2N."""
        values = super().baseline(inputs)
        if "kl_modes" in values:
            assert inputs.held_out is not None
            good = self._counts(inputs, inputs.held_out)[:-1]
            values["kl_modes"] = (len(good) - 1) / (2 * int(good.sum()))
        return values

    def _counts(self, inputs: EvalInputs, some: Features) -> Tensor:
        """Count images by their nearest mode (K + 1,); the last bin holds those of low quality."""
        assert inputs.data is not None
        layout: Any = inputs.data.layout  # see `Layout`
        mode, high_quality = layout.assign(some.features.cpu().double())
        num_modes = len(layout.centers)
        return torch.bincount(mode.where(high_quality, num_modes), minlength=num_modes + 1)
