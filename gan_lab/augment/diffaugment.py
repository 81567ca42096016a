"""DiffAugment (Zhao 2020, https://arxiv.org/abs/2006.10738)."""

import torch
from torch import Tensor, nn

from gan_lab.errors import InputError
from gan_lab.rng import StepRNG

TRANSLATION = 1 / 8
"""The farthest shift, as a share of the height or width."""

CUTOUT = 1 / 2
"""The height and width that are cut out, as a share of the image's."""


class DiffAugment(nn.Module):
    """Random changes of colour and position of every image that D sees, with draws of its own for each image.

    What leaves the frame is lost, and what enters it or is cut out is 0, the middle of [-1, 1]. On one channel saturation
    changes nothing.

    Differs from the paper: nothing known; ``flip`` is not of it, but of consistency regularization (``penalty=bcr``).

    Args:
        color: change brightness, saturation and contrast.
        translation: shift by up to an eighth of the height and width.
        cutout: blank a rectangle of half the height and width.
        flip: mirror half of the images.
    """

    def __init__(self, color: bool = True, translation: bool = True, cutout: bool = True, flip: bool = False) -> None:
        super().__init__()
        self.color, self.translation, self.cutout, self.flip = color, translation, cutout, flip

    def forward(self, images: Tensor, rng: StepRNG, images_seen: int) -> Tensor:
        """Return augmented images (N, C, H, W); a transform that is off does not change the draws of the rest."""
        check_images(images, "DiffAugment (augment=diffaugment, penalty=bcr)")
        u = rng.uniform(len(images), 8).unbind(1)
        if self.color:
            images = contrast(saturation(brightness(images, u[0]), u[1]), u[2])
        if self.translation:
            images = translation(images, u[3], u[4])
        if self.cutout:
            images = cutout(images, u[5], u[6])
        return flip(images, u[7]) if self.flip else images


def check_images(samples: Tensor, name: str) -> None:
    """Refuse samples that are no images for the augmentation of this name."""
    if samples.ndim != 4 or samples.shape[2:] == (1, 1):
        kind = "points" if samples.ndim == 4 else "signals or vectors"
        raise InputError(f"{name} changes the pixels of images, and these data are {kind}: use augment=instance_noise")


# ----- the changes: of images (N, C, H, W), by draws u (N,), uniform in [0, 1) ------------------------------------------


def brightness(x: Tensor, u: Tensor) -> Tensor:
    """Add U(-1/2, 1/2) to each image."""
    return x + (_per_image(u, x) - 0.5)


def saturation(x: Tensor, u: Tensor) -> Tensor:
    """Scale the distance from grey, the mean of a pixel's channels, by U(0, 2)."""
    grey = x.mean(1, keepdim=True)
    return grey + (x - grey) * (_per_image(u, x) * 2)


def contrast(x: Tensor, u: Tensor) -> Tensor:
    """Scale the distance from the mean of the image by U(1/2, 3/2)."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * (_per_image(u, x) + 0.5)


def translation(x: Tensor, u_down: Tensor, u_right: Tensor) -> Tensor:
    """Shift by whole pixels, every number of them equally likely: one gather, differentiable any number of times."""
    n, channels, height, width = x.shape
    (rows, rows_exist), (columns, columns_exist) = _sources(height, u_down), _sources(width, u_right)
    pixels = (rows[:, :, None] * width + columns[:, None, :]).view(n, 1, -1).expand(-1, channels, -1)
    exist = rows_exist[:, None, :, None] & columns_exist[:, None, None, :]
    return x.flatten(2).gather(2, pixels).view(x.shape) * exist


def cutout(x: Tensor, u_top: Tensor, u_left: Tensor) -> Tensor:
    """Blank a rectangle whose centre is anywhere in the image, so that a part of it may lie outside."""
    return x * ~(_band(x.shape[2], u_top)[:, None, :, None] & _band(x.shape[3], u_left)[:, None, None, :])


def flip(x: Tensor, u: Tensor) -> Tensor:
    """Mirror half of the images left to right."""
    return torch.where(_per_image(u, x) < 0.5, x.flip(3), x)


def _per_image(u: Tensor, x: Tensor) -> Tensor:
    return u.to(x.dtype).view(-1, 1, 1, 1)


def _whole(u: Tensor, n: int) -> Tensor:
    """Return whole numbers from 0 to n - 1, (N, 1)."""
    return (u * n).long()[:, None]


def _sources(size: int, u: Tensor) -> tuple[Tensor, Tensor]:
    """Return the source row of each row of a shifted image, (N, size), and whether it lies inside."""
    farthest = int(size * TRANSLATION + 0.5)
    sources = torch.arange(size, device=u.device) + farthest - _whole(u, 2 * farthest + 1)
    return sources.clamp(0, size - 1), (sources >= 0) & (sources < size)


def _band(size: int, u: Tensor) -> Tensor:
    """Return a mask of the rows that are cut out, (N, size)."""
    length = int(size * CUTOUT + 0.5)
    lines = torch.arange(size, device=u.device) + length // 2 - _whole(u, size + 1 - length % 2)
    return (lines >= 0) & (lines < length)
