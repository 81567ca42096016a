"""Images and points as they are: for data whose modes are known, and to try things out."""

import torch
from torch import Tensor

from gan_lab.data.pixels import to_unit


class Pixels:
    """Features are the pixels in [-1, 1], or the coordinates of points; it is no classifier."""

    name = "pixels"
    distance_name = "fd_pixels"
    kernel_name = "kd_pixels"
    score_name = "cs_pixels"
    score_std_name: str | None = None
    score_splits = 1
    classes_name: str | None = None
    accuracy_name: str | None = None
    channels: int | None = None
    num_features = 0  # of any image
    num_classes = 0
    resize = "none"
    weights_sha256 = "none"

    def to(self, device: torch.device) -> None:
        """Nothing moves."""

    def __call__(self, images: Tensor) -> tuple[Tensor, None]:
        """Features (N, C * H * W) of uint8 images or float points."""
        return (to_unit(images) if images.dtype == torch.uint8 else images).flatten(1), None
