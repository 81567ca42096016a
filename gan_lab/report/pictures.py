"""Embed pictures into the page itself."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image

from gan_lab.run_folder import unreadable

T = TypeVar("T")

MOST_BYTES = 64 * 1024
"""Size of the largest file that is shown as it is; a larger one is shown as WebP."""

MOST_PIXELS = 960
"""The longer side of such a picture."""


@dataclass
class Picture:
    """A picture as a data URI, with its size in pixels."""

    uri: str
    width: int
    height: int


def embed(path: Path) -> Picture:
    """Return the file as it is, or as a WebP when it is large.

    Raises:
        InputError: it is no PNG, or not whole yet, or of very many pixels.
    """
    try:
        content = path.read_bytes()
        image = Image.open(io.BytesIO(content), formats=["PNG"])  # PIL runs Ghostscript on EPS, whatever the file is called
        image.load()
    except Exception as error:  # a damaged picture fails in many ways
        raise unreadable(path, error) from error
    kind, (width, height) = (image.format or "png").lower(), image.size
    if len(content) > MOST_BYTES:
        colours = image.convert("RGBA" if image.has_transparency_data else "RGB")  # a palette is not to be averaged
        colours.thumbnail((MOST_PIXELS, MOST_PIXELS))
        colours.save(smaller := io.BytesIO(), "webp", quality=85)
        kind, content, (width, height) = "webp", smaller.getvalue(), colours.size
    return Picture(f"data:image/{kind};base64,{base64.b64encode(content).decode()}", width, height)


def evenly(items: Sequence[T], n: int) -> list[T]:
    """Return at most ``n`` items at even distances, the first and the last among them; the last alone for one."""
    if len(items) <= n:
        return list(items)
    return [items[round(index * (len(items) - 1) / (n - 1))] for index in range(n)] if n > 1 else list(items[len(items) - n :])
