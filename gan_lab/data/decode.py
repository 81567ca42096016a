"""Decoding of image files to uint8 tensors."""

from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2.functional import pil_to_tensor

MODES = {1: "L", 3: "RGB"}  # number of channels -> PIL mode


def decode(file: BinaryIO, channels: int, image_size: int, crop: int | None = None) -> Tensor:
    """Decode an image to uint8 (C, H, W): upright, short side scaled to ``image_size`` (Lanczos), centre-cropped.

    Args:
        file: any format that PIL reads; an animation gives its first frame.
        channels: 1 for grey, 3 for colour.
        image_size: height and width of the result.
        crop: side in pixels of a centre crop before scaling, at most the image's short side; None: no crop.
    """
    with Image.open(file) as image:
        plain = _plain(ImageOps.exif_transpose(image)).convert(MODES[channels])
    if crop is not None:
        side = min(crop, *plain.size)
        left, top = (plain.width - side) // 2, (plain.height - side) // 2
        plain = plain.crop((left, top, left + side, top + side))
    return pil_to_tensor(ImageOps.fit(plain, (image_size, image_size), Image.Resampling.LANCZOS))


def _plain(image: Image.Image) -> Image.Image:
    """Convert to opaque 8-bit pixels: scale 16 bits, which PIL would clip at 255, and put transparency on white."""
    if image.mode == "F":
        raise ValueError("the range of floating-point pixels is unknown")
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image
