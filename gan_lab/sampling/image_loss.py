"""The error of images against one image, of pixels and of features."""

import torch
from torch import Tensor

from gan_lab.evaluation.extractor import Extractor


class ImageLoss:
    """Mean squared error of pixels, plus a weight times the squared distance of features as a share of the target's norm.

    Args:
        target: (1, C, H, W) in [-1, 1].
        extractor: a differentiable one, on the target's device; None: pixels alone.
        weight: of the features.

    Attributes:
        words: the loss in a line.
    """

    def __init__(self, target: Tensor, extractor: Extractor | None = None, weight: float = 1.0) -> None:
        self.target, self.extractor, self.weight = target, extractor, weight
        self.words = "mean squared error of pixels"
        if extractor is not None:
            with torch.no_grad():
                self.features = _features(extractor, target)
            self.words += f" + {weight:g} x relative squared distance of {extractor.name} features"

    def parts(self, images: Tensor) -> Tensor:
        """Return the errors of images (N, C, H, W), differentiable, as (N, 1) of pixels or (N, 2) of pixels and features."""
        pixels = (images - self.target).square().flatten(1).mean(1)
        if self.extractor is None:
            return pixels[:, None]
        found = (_features(self.extractor, images) - self.features).square().sum(1) / self.features.square().sum()
        return torch.stack([pixels, found.to(pixels)], 1)

    def total(self, parts: Tensor) -> Tensor:
        """Return the loss (...) of parts (..., 1 or 2)."""
        return parts[..., 0] + self.weight * parts[..., 1:].sum(-1)


def _features(extractor: Extractor, images: Tensor) -> Tensor:
    """Return features (N, d) of images in [-1, 1], which are not quantised, for rounding has no gradient."""
    return extractor((images.clamp(-1, 1) + 1) * 127.5)[0].flatten(1)
