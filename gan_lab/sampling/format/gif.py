"""An animated GIF."""

from pathlib import Path

from gan_lab import atomic
from gan_lab.ranges import Positive
from gan_lab.sampling.format import Format
from gan_lab.sampling.frames import frames
from gan_lab.sampling.mode import Sheet
from gan_lab.sampling.request import SampleRequest


class GIF(Format):
    """``MODE-seedN.gif``, which repeats for ever.

    Args:
        fps: frames per second; browsers show at most 50.
    """

    name = "gif"
    needs_images = needs_steps = True

    def __init__(self, fps: Positive = 10.0) -> None:
        self.fps = fps

    def __call__(self, sheet: Sheet, request: SampleRequest, folder: Path) -> Path:
        """Write the file."""
        path = folder / f"{request.mode}-seed{request.seed}.gif"
        first, *others = frames(sheet, request)
        with atomic.replacing(path) as partial:
            first.save(partial, save_all=True, append_images=others, duration=round(1000 / self.fps), loop=0)
        return path
