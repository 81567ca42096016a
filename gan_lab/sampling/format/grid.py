"""All samples in one picture, or in one text."""

from pathlib import Path

from gan_lab.sampling.format import Format
from gan_lab.sampling.mode import Sheet
from gan_lab.sampling.request import SampleRequest


class Grid(Format):
    """``MODE-seedN.png``, or the file that the run's display writes."""

    name = "grid"
    is_picture = True

    def __call__(self, sheet: Sheet, request: SampleRequest, folder: Path) -> Path:
        """Write the file."""
        display = request.display
        title = display.name if request.mode == "grid" else request.mode
        path = folder / f"{title}-seed{request.seed}{display.suffix}"
        display.save(sheet.samples, path, sheet.columns, request.target())
        return path
