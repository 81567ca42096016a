"""A PNG file for each sample."""

from pathlib import Path

from torchvision.transforms.functional import to_pil_image

from gan_lab.data.pixels import is_image, to_uint8
from gan_lab.errors import InputError
from gan_lab.sampling.format import Format
from gan_lab.sampling.mode import Sheet
from gan_lab.sampling.request import SampleRequest


class PNG(Format):
    """``000000.png``, ``000001.png``, ... at their native size, in the order of the rows."""

    name = "png"
    is_picture = many_files = True

    def __call__(self, sheet: Sheet, request: SampleRequest, folder: Path) -> Path:
        """Write the files; return the folder."""
        if not is_image(sheet.samples):
            shape = "x".join(map(str, sheet.samples.shape[1:]))
            raise InputError(f"format=png needs images, and this GAN makes samples of {shape}: use format=npz or format=grid")
        for index, image in enumerate(to_uint8(sheet.samples)):
            to_pil_image(image).save(folder / f"{index:06d}.png")
        return folder
