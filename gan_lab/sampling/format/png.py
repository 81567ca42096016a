"""A PNG file for each sample."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image, PngImagePlugin
from torchvision.transforms.functional import to_pil_image

from gan_lab.data.pixels import to_uint8
from gan_lab.errors import InputError
from gan_lab.sampling.format import Format
from gan_lab.sampling.mode import Sheet
from gan_lab.sampling.request import SampleRequest

MAKER = ("Software", "gan_lab.sample")
"""The text in each file by which a later call knows it as one of these."""


class PNG(Format):
    """``000000.png``, ``000001.png``, ... at their native size, in the order of the rows; those of a former call go."""

    name = "png"
    is_picture = many_files = needs_images = True

    def check_samples(self, shape: Sequence[int]) -> None:
        """Refuse also more channels than a PNG file has."""
        super().check_samples(shape)
        if shape[0] > 4:
            raise InputError(f"format=png holds at most 4 channels, and these images have {shape[0]}: use format=npz or npy")

    def check_folder(self, folder: Path) -> None:
        """Refuse a folder with a file of such a name that the format did not write."""
        if other := next((path for path in numbered(folder) if not is_own(path)), None):
            raise InputError(
                f"'{other}' lacks the mark of files that format=png wrote, so it is not replaced: move it, or give out= "
                "another folder"
            )

    def __call__(self, sheet: Sheet, request: SampleRequest, folder: Path) -> Path:
        """Write the files, remove those that a former call left beyond them, and return the folder."""
        mark, written = PngImagePlugin.PngInfo(), set()
        mark.add_text(*MAKER)
        for index, image in enumerate(to_uint8(sheet.samples)):
            written.add(path := folder / f"{index:06d}.png")
            to_pil_image(image).save(path, pnginfo=mark)
        for path in [path for path in numbered(folder) if path not in written]:
            path.unlink()
        return folder


def numbered(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that are named as the format names them."""
    return (path for path in folder.glob("*.png") if path.stem.isdigit() and len(path.stem) >= 6)


def is_own(path: Path) -> bool:
    """Return whether the format wrote a file."""
    try:
        with Image.open(path) as image:
            return image.info.get(MAKER[0]) == MAKER[1]
    except OSError:  # no image at all
        return False
