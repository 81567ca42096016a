"""A video in H.264."""

from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from gan_lab import atomic
from gan_lab.errors import InputError
from gan_lab.ranges import Positive
from gan_lab.sampling.format import Format
from gan_lab.sampling.frames import frames
from gan_lab.sampling.mode import FigureMode, Sheet, SheetMode
from gan_lab.sampling.request import SampleRequest


class MP4(Format):
    """``MODE-seedN.mp4``, through PyAV.

    Args:
        fps: frames per second.
    """

    name = "mp4"
    needs_images = needs_steps = True

    def __init__(self, fps: Positive = 24.0) -> None:
        self.fps = fps

    def check(self, mode: SheetMode | FigureMode, name: str) -> None:
        """Refuse also where PyAV is missing."""
        super().check(mode, name)
        if find_spec("av") is None:
            raise InputError("format=mp4 needs PyAV: pip install 'gan_lab[video]', or use format=gif")

    def __call__(self, sheet: Sheet, request: SampleRequest, folder: Path) -> Path:
        """Write the file."""
        path = folder / f"{request.mode}-seed{request.seed}.mp4"
        with atomic.replacing(path) as partial:
            encode([_even(frame) for frame in frames(sheet, request)], partial, self.fps)
        return path


def encode(pictures: list[Image.Image], path: Path, fps: float) -> None:
    """Write pictures of one size, even in height and width, as H.264 that every player shows."""
    import av  # an extra

    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = *pictures[0].size, "yuv420p"
        stream.options = {"crf": "18"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode())


def _even(picture: Image.Image) -> Image.Image:
    """Return a picture without its last row or column where their number is odd, which yuv420p cannot have."""
    return picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))
