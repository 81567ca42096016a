"""Capital letters A to Z in the text fonts that matplotlib carries: larger than the digits, with classes, and no download.

The fonts are DejaVu (Bitstream Vera's licence) and STIX (SIL Open Font Licence), whose texts lie beside them.
"""

from pathlib import Path
from string import ascii_uppercase

import matplotlib
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F

from gan_lab.data.arrays import Arrays
from gan_lab.errors import pick
from gan_lab.ranges import Rows, Size
from gan_lab.rng import Stream, make_generator

DEJAVU = ("Sans", "SansMono", "Serif")
TRAIN = (
    *(f"DejaVu{family}{style}" for family in DEJAVU[:2] for style in ("", "-Bold", "-Oblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-BoldItalic", "-Italic")),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralBolIta"),
)
HELD_OUT = ("DejaVuSans-BoldOblique", "DejaVuSansMono-BoldOblique", "DejaVuSerif-Bold", "STIXGeneralItalic")
FONTS = {"train": TRAIN, "held_out": HELD_OUT}

SIDE = 128  # pixels of a drawing, in the middle of which the letter is as large as fits
ROTATION, SHEAR, SMALLEST, SHIFT = 0.15, 0.15, 0.75, 0.08  # radians; slope; of the largest size; of half a side
CHUNK = 2000


def letters(split: str, n: Rows, image_size: Size, seed: int) -> Arrays:
    """Draw ``n`` letters of the fonts of a split: images (1, S, S), white on black, labels 0 to 25.

    Font, letter and jitter of a sample are a function of the seed and its index. No font is in both splits.
    """
    fonts = pick(FONTS, split, "split")
    drawings = torch.stack([_drawing(font, letter) for font in fonts for letter in ascii_uppercase])
    drawings = F.avg_pool2d(drawings, max(1, SIDE // (4 * image_size)))  # no finer than what samples it, or edges are rough
    generator = make_generator(seed, Stream.DATA)
    draws = torch.rand(n, 7, generator=generator)
    rows, maps = (draws[:, 0] * len(drawings)).long(), _maps(draws[:, 1:])
    images = [
        _mapped(drawings[chunk], theta, image_size) for chunk, theta in zip(rows.split(CHUNK), maps.split(CHUNK), strict=True)
    ]
    return Arrays(torch.cat(images), rows % len(ascii_uppercase), ascii_uppercase)


def _drawing(font: str, letter: str) -> Tensor:
    """Draw a letter, float (1, SIDE, SIDE) from 0 to 1, its longer side four fifths of the drawing's."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf")
    face = ImageFont.truetype(str(path), SIDE, layout_engine=ImageFont.Layout.BASIC)  # the same with and without libraqm
    left, top, right, bottom = face.getbbox(letter)
    face = face.font_variant(size=int(SIDE * 0.8 * SIDE / max(right - left, bottom - top)))
    image = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), letter, 255, face, anchor="mm")
    left, top, right, bottom = image.getbbox() or (0, 0, SIDE, SIDE)
    centred = Image.new("L", (SIDE, SIDE))
    centred.paste(image.crop((left, top, right, bottom)), ((SIDE - right + left) // 2, (SIDE - bottom + top) // 2))
    return torch.frombuffer(bytearray(centred.tobytes()), dtype=torch.uint8).view(1, SIDE, SIDE) / 255


def _maps(draws: Tensor) -> Tensor:
    """Return affine maps (N, 2, 3) from the places of an image to those of its drawing, for uniform draws (N, 6)."""
    centred = 2 * draws - 1
    angle, shear, shift = ROTATION * centred[:, 0], SHEAR * centred[:, 1], SHIFT * centred[:, 2:4]
    scale = 1 / (SMALLEST + (1 - SMALLEST) * draws[:, 4:6])
    cos, sin = angle.cos(), angle.sin()
    across = torch.stack([cos * scale[:, 0], (shear * cos - sin) * scale[:, 0]], 1)
    down = torch.stack([sin * scale[:, 1], (shear * sin + cos) * scale[:, 1]], 1)
    return torch.cat([torch.stack([across, down], 1), shift[:, :, None]], 2)


def _mapped(drawings: Tensor, maps: Tensor, image_size: int) -> Tensor:
    """Return uint8 images (N, 1, S, S), each pixel the mean of four samples."""
    grid = F.affine_grid(maps, [len(drawings), 1, 2 * image_size, 2 * image_size], align_corners=False)
    return (255 * F.avg_pool2d(F.grid_sample(drawings, grid, align_corners=False), 2)).round().to(torch.uint8)
