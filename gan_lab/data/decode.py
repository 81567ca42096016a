"""Decoding of image files to uint8 tensors: the one way in which training, preparation and evaluation read them."""

import warnings
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2.functional import pil_to_tensor

MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # number of channels -> PIL mode
GREY = ("1", "L", "LA")
FILTERS: Mapping[str, Image.Resampling] = {
    "lanczos": Image.Resampling.LANCZOS,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
}
"""Resampling filters by name; each averages over all pixels that a new one covers."""
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Formats by PIL's names, whatever a file is called: for one of EPS, PIL would run Ghostscript on the program in it."""
MOST_PIXELS = 100_000_000

# PIL warns of fewer pixels than `MOST_PIXELS`, which are refused by name
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class Fault(StrEnum):
    """The reasons why an image file cannot be used, each with its remedy; a sentence's end after the file's name."""

    BROKEN = "is broken or in an unknown format: replace or remove it"
    TOO_LARGE = f"has more than {MOST_PIXELS // 10**6} megapixels: scale it down or remove it"
    NO_RANGE = "has floating-point pixels of unknown range: give data.value_range=[LOW,HIGH], or remove it"
    OUT_OF_BOUNDS = "unpacks to another size than its zip file states, or to more than 1 GiB: pack it again or remove it"


class Unreadable(ValueError):
    """An image file that is refused for a known reason."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


def decode(
    file: BinaryIO,
    channels: int,
    size: Sequence[int] | None = None,
    crop: int | None = None,
    resize: str = "lanczos",
    value_range: Sequence[float] | None = None,
) -> Tensor:
    """Decode an image to uint8 (C, H, W): upright, scaled so that it covers ``size``, centre-cropped.

    Args:
        file: of one of `FORMATS`; an animation gives its first frame.
        channels: 1 for grey, 3 for colour, 4 for colour with alpha; otherwise what is transparent shows white.
        size: height and width of the result; None: the image's own.
        crop: side in pixels of a centre crop before scaling, at most the image's short side; None: no crop.
        resize: a key of `FILTERS`.
        value_range: the file's values that become 0 and 255; None: 0 and the largest that its number of bits can hold.

    Raises:
        Unreadable: the file is refused; any other exception: it is broken.
    """
    with opened(file) as image:
        plain = _plain(ImageOps.exif_transpose(image), channels, value_range)
    if crop is not None:
        side = min(crop, *plain.size)
        left, top = (plain.width - side) // 2, (plain.height - side) // 2
        plain = plain.crop((left, top, left + side, top + side))
    return pil_to_tensor(plain if size is None else fit(plain, size, resize))


def opened(file: BinaryIO) -> Image.Image:
    """Open an image and read its header alone; refuse one of more than `MOST_PIXELS`."""
    try:
        image = Image.open(file, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise Unreadable(Fault.TOO_LARGE) from error
    if image.width * image.height > MOST_PIXELS:
        raise Unreadable(Fault.TOO_LARGE)
    return image


def fit(image: Image.Image, size: Sequence[int], resize: str) -> Image.Image:
    """Scale an image until it covers ``size``, height and width, and crop the centre."""
    return ImageOps.fit(image, (size[1], size[0]), FILTERS[resize])


def is_deep(image: Image.Image) -> bool:
    """Return whether an image has integers of more than 8 bits, or floats."""
    return image.mode == "F" or image.mode.startswith("I")


def is_grey(image: Image.Image) -> bool:
    """Return whether an image has no colours."""
    return image.mode in GREY or is_deep(image)


def _plain(image: Image.Image, channels: int, value_range: Sequence[float] | None) -> Image.Image:
    """Convert to 8 bits and the mode of ``channels``: scale 16 bits, which PIL would clip at 255, put alpha on white."""
    if is_deep(image):
        image = _scaled(image, value_range)
    elif value_range is not None:
        image = _stretched(image, *value_range)
    if channels != 4 and image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(MODES[channels])


def _scaled(image: Image.Image, value_range: Sequence[float] | None) -> Image.Image:
    """Map values of more than 8 bits to 0 to 255."""
    if image.mode == "F" and value_range is None:
        raise Unreadable(Fault.NO_RANGE)
    low, high = value_range or (0, 65535)
    levels = (np.nan_to_num(np.asarray(image, np.float64)) - low) / (high - low) * 255
    return Image.fromarray(levels.clip(0, 255).round().astype(np.uint8))


def _stretched(image: Image.Image, low: float, high: float) -> Image.Image:
    """Map ``low`` to 0 and ``high`` to 255 in 8 bits; alpha stays."""
    with_alpha = image.has_transparency_data
    image = image.convert("RGBA" if with_alpha else "L" if is_grey(image) else "RGB")
    table = ((np.arange(256) - low) / (high - low) * 255).clip(0, 255).round().astype(int).tolist()
    return image.point(table * 3 + list(range(256)) if with_alpha else table * len(image.getbands()))
