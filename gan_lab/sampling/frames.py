"""The frames of an animation: the steps of all rows of a sheet, side by side."""

import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from PIL import Image
from rich.progress import track

if TYPE_CHECKING:
    from gan_lab.sampling.mode import Sheet
    from gan_lab.sampling.request import SampleRequest


def frames(sheet: "Sheet", request: "SampleRequest") -> Iterator[Image.Image]:
    """Yield a picture for each column, as the run's display draws the samples of all rows; all have one size."""
    steps = sheet.columns or 1
    tiles = math.ceil(math.sqrt(len(sheet.samples) / steps))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "frame.png"
        for step in track(range(steps), description="drawing"):
            request.display.save(sheet.samples[step::steps], path, columns=tiles)
            with Image.open(path) as image:
                yield image.convert("RGB")
