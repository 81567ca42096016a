"""The level of a network that grows: the resolution at which it works, and the fade of that resolution (Karras 2018)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from gan_lab.growth import Level
from gan_lab.network.equalized import check_size


class GrowthLevel(nn.Module):
    """A submodule of every growing network, by which it knows which of its blocks are in use.

    No decision reads a tensor: resolution and fading are Python values, and ``alpha`` stays on the device.

    Args:
        image_size: the final resolution, at which the network starts unless it is set.

    Attributes:
        resolution: height and width of the images.
        fading: whether they are a blend with images of half the height and width.
        alpha: share of the higher resolution in that blend.
    """

    alpha: Tensor

    def __init__(self, image_size: int) -> None:
        super().__init__()
        check_size(image_size)
        self.image_size = self.resolution = image_size
        self.fading = False
        self.register_buffer("alpha", torch.ones(()))

    @property
    def number(self) -> int:
        """0 at 4x4, 1 at 8x8, ..."""
        return self.resolution.bit_length() - 3

    def set(self, level: Level) -> bool:
        """Take this level; return whether other blocks are in use than before."""
        changes = (self.resolution, self.fading) != (level.resolution, level.fading)
        self.resolution, self.fading = level.resolution, level.fading
        self.alpha.fill_(level.alpha)
        return changes

    def blend(self, lower: Tensor, higher: Tensor) -> Tensor:
        """Return lower + alpha (higher - lower)."""
        return torch.lerp(lower, higher, self.alpha.to(higher.dtype))

    def shrunk(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W) of at least this resolution, averaged down to it."""
        factor = images.shape[-1] // self.resolution
        return avg_pool2d(images, factor) if factor > 1 else images

    def reals(self, images: Tensor) -> Tensor:
        """Return reals as D sees them: averaged to this resolution, in a fade blended with those of half the resolution."""
        images = self.shrunk(images)
        return self.blend(repeated(averaged(images)), images) if self.fading else images

    def whole(self, images: Tensor) -> Tensor:
        """Return images of this resolution, enlarged to the final one by repeating pixels."""
        return interpolate(images, scale_factor=self.image_size // self.resolution)

    def get_extra_state(self) -> dict[str, Any]:
        """Return resolution and fading, without which a checkpoint would sample from blocks never trained."""
        return {"resolution": self.resolution, "fading": self.fading}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Set them."""
        self.resolution, self.fading = state["resolution"], state["fading"]


def levels_of(module: nn.Module) -> list[GrowthLevel]:
    """Return the levels of the networks in a module."""
    return [each for each in module.modules() if isinstance(each, GrowthLevel)]


def repeated(x: Tensor) -> Tensor:
    """Upsample maps (N, C, H, W) to (N, C, 2H, 2W) by repeating pixels."""
    return interpolate(x, scale_factor=2)


def averaged(x: Tensor) -> Tensor:
    """Downsample maps (N, C, 2H, 2W) to (N, C, H, W) by averaging."""
    return avg_pool2d(x, 2)
