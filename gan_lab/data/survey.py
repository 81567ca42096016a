"""Survey of what came in: sizes, modes, values and files that were left out, for the first lines of a run and its reals."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from torch import Tensor

from gan_lab.cli.words import count
from gan_lab.data.decode import is_deep
from gan_lab.data.pixels import is_image

if TYPE_CHECKING:
    from gan_lab.data.module import Data

LOOKED_AT = 64
"""Images; more for points, of which a picture needs more."""
SMALL_RANGE = 1 / 4
"""Share of the values that a pixel can have, up to which a set that uses no others is pointed out."""
LARGE = 10**6
"""Pixels of a file from which on decoding it in every epoch is pointed out, if it is 16 times as large as what is kept."""
NAMED = 10
"""Classes that are printed by name."""


@dataclass
class SourceFacts:
    """Facts of some images before they were converted.

    Attributes:
        looked_at: number of images.
        sizes: [width, height, number of images], by area.
        modes: PIL's mode -> number of images.
        span: lowest and highest value of those with more than 8 bits; None: there are none.
    """

    looked_at: int
    sizes: list[list[int]]
    modes: dict[str, int]
    span: list[float] | None = None

    @classmethod
    def of(cls, images: Iterable[Image.Image]) -> "SourceFacts":
        """Look at open images; only those of more than 8 bits are decoded."""
        sizes, modes, values = Counter[tuple[int, int]](), Counter[str](), list[Any]()
        for image in images:
            sizes[image.size] += 1
            modes[image.mode] += 1
            with suppress(OSError, SyntaxError, ValueError):  # a broken file, which reading will name
                values += image.getextrema() if is_deep(image) else ()
        span = [min(values), max(values)] if values else None
        return cls(sizes.total(), [[*size, n] for size, n in sorted(sizes.items(), key=_area)], dict(modes), span)


@dataclass
class Survey:
    """What came in.

    Attributes:
        samples: of the training set: uint8 images (n, C, H, W), or floats of anything else.
        source: facts of the images before they were converted; None: unknown.
    """

    samples: Tensor
    source: SourceFacts | None

    @classmethod
    def of(cls, data: "Data") -> "Survey":
        """Look at samples that are spread over the training set, and at the files that they come from."""
        n = LOOKED_AT if is_image(torch.empty(1, *data.shape)) else 8 * LOOKED_AT
        rows = spread(data.num_train, n)
        size = math.ceil(len(rows) / max(1, data.num_workers))  # a batch for each worker
        samples = torch.cat([images for images, _ in data.batches(data.train_set, rows, size)])
        return cls(samples, getattr(data.train_set, "source", None))


def spread(total: int, n: int) -> list[int]:
    """Return at most ``n`` numbers below ``total`` at equal distances."""
    return list(range(0, total, math.ceil(total / n))) if total else []


def describe(data: "Data", class_names: Sequence[str] = ()) -> list[str]:
    """Return the lines that say what came in."""
    survey, size = data.survey, "x".join(map(str, data.shape))
    low, high = (f"{value:.4g}" for value in survey.samples.aminmax())
    counts = f"{data.num_train:,} training and {len(data.held_out_set):,} held-out samples"
    lines = [f"data: {counts} of {size}, values from {low} to {high} in {len(survey.samples):,} of them"]
    if survey.source and is_image(survey.samples):
        lines.append(f"  {_origin(data, survey.source)}")
    lines += [f"  {line}" for line in other_files(data)]
    if class_names:
        named = ", ".join(f"{number} {name}" for number, name in enumerate(class_names[:NAMED]))
        more = f", ... ({len(class_names):,} in all)" if len(class_names) > NAMED else ""
        lines.append(f"  classes: {named}{more}")
    return [*lines, *(f"  {hint}" for hint in hints(data))]


def other_files(data: "Data") -> list[str]:
    """Return a line that counts the files that are no images by their names, if there are any."""
    stores = {id(store): store for part in (data.train_set, data.held_out_set) if (store := getattr(part, "store", None))}
    others = [str(store.root / name) for store in stores.values() for name in store.others]
    kinds = ", ".join(sorted({PurePath(name).suffix or "no suffix" for name in others}))
    return [f"left out {count(len(others), 'file')} without an image ({kinds}), such as {others[0]}"] if others else []


def hints(data: "Data") -> list[str]:
    """Return warnings: the data's own, of values that leave most of their range unused, of large files decoded every time."""
    survey, found = data.survey, list(getattr(data, "remarks", ()))
    source = survey.source
    if survey.samples.dtype == torch.uint8 and (extremes := _narrow(survey.samples)):
        low, high = extremes
        remedy = ""
        span = source.span if source and source.span else extremes if getattr(data, "value_range", ()) is None else None
        if span and hasattr(data, "value_range"):
            remedy = f", and if all are like these, give data.value_range={_suggested(*span)}"
        found.append(f"WARNING: the values span {low} to {high} of 255 only: look at samples/reals.png{remedy}")
    of_files = hasattr(data.train_set, "store")
    kept = math.prod(data.shape[1:])
    if of_files and source and any(width * height >= max(LARGE, 16 * kept) for width, height, _ in source.sizes):
        found.append("these files are large and decoded in every epoch: python -m gan_lab.prepare decodes them once")
    return found


def _narrow(samples: Tensor) -> tuple[int, int] | None:
    """Return the lowest and the highest value if they are close."""
    low, high = (int(value) for value in samples.aminmax())
    return (low, high) if high - low <= SMALL_RANGE * 255 else None


def _suggested(low: float, high: float) -> str:
    """Return a range of whole bits that holds these values, such as [0,4095]; of other values they themselves."""
    if low < 0 or high < 1 or high != int(high):
        return f"[{low:g},{high:g}]"
    return f"[0,{2 ** int(high).bit_length() - 1}]"


def _origin(data: Any, source: SourceFacts) -> str:
    """Return the sizes and modes before the conversion, and what was done to them."""
    height, width = data.shape[1:]
    (*first, _), (*last, _) = source.sizes[0], source.sizes[-1]
    sizes = "x".join(map(str, first)) + ("" if len(source.sizes) == 1 else f" to {'x'.join(map(str, last))}")
    modes = ", ".join(mode if len(source.modes) == 1 else f"{n:,} {mode}" for mode, n in source.modes.items())
    line = f"before: {sizes} pixels (width x height), {modes}"
    if padding := getattr(data, "padding", 0):
        sizes_in = [(w + 2 * padding, h + 2 * padding, n) for w, h, n in source.sizes]
        if all((w, h) == (width, height) for w, h, _ in sizes_in):
            return f"{line}; padded to {width}x{height}"
    if all((w, h) == (width, height) for w, h, _ in source.sizes):
        return line
    share = min(_kept(w, h, width / height, getattr(data, "crop", None)) for w, h, _ in source.sizes)
    cut = (
        f"the middle is kept, {'' if len(source.sizes) == 1 else 'at least '}{share:.0%} of the pixels, and"
        if share < 1
        else ""
    )
    return f"{line}; {cut} scaled to {width}x{height} by {getattr(data, 'resize', 'lanczos')}".replace(";  ", "; ")


def _kept(width: int, height: int, aspect: float, crop: int | None) -> float:
    """Return the share of a picture's pixels that is left after both crops."""
    w, h = (width, height) if crop is None else (min(crop, width, height),) * 2
    w, h = min(w, h * aspect), min(h, w / aspect)  # type: ignore[assignment]  # fractions of a pixel
    return w * h / (width * height)


def _area(item: tuple[tuple[int, int], int]) -> int:
    return math.prod(item[0])
