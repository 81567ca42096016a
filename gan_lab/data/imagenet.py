"""ImageNet (ILSVRC 2012, Russakovsky 2015): 1,281,167 photos of 1,000 classes, and 50,000 to judge by."""

import shutil
from pathlib import Path
from typing import Any, Unpack

from filelock import FileLock

from gan_lab.data.folder import FileOptions, ImageFolder, Part
from gan_lab.errors import InputError

URL = "https://image-net.org/challenges/LSVRC/2012/2012-downloads.php"
ARCHIVES = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz")
SPLITS = ("train", "val")


class ImageNet(ImageFolder):
    """``train`` and ``val``, each with a folder of images for each class.

    Labels follow the order of the folders' names, the WordNet ids, as torchvision's do.

    Where the three archives lie in their stead, they are unpacked first, by torchvision's reader.

    Args:
        root: the folder that holds either.
        options: see `ImageFiles` and `Data`; ``num_classes`` is 1000, or None to take no labels.
    """

    def __init__(self, root: str, **options: Unpack[FileOptions]) -> None:
        self.place = Path(root).expanduser()
        super().__init__(str(self.place / "train"), str(self.place / "val"), **options)
        self.name = "imagenet"

    @property
    def recipe(self) -> dict[str, Any]:
        """The same wherever the images lie."""
        return {key: value for key, value in super().recipe.items() if key not in ("sources", "held_out_fraction")}

    def part(self, split: str) -> Part:
        """The images of a folder, unpacked if need be."""
        if not self._unpacked:
            self._unpack()
        return super().part(split)

    @property
    def _unpacked(self) -> bool:
        return all((self.place / split).is_dir() for split in SPLITS)

    def _unpack(self) -> None:
        if not all((self.place / archive).is_file() for archive in ARCHIVES):
            wanted = f"the folders train and val, or {', '.join(ARCHIVES)} from {URL}"
            raise InputError(f"there is no ImageNet in '{self.place}': put {wanted} there")
        try:
            with FileLock(self.place / "unpacking.lock"):
                if not self._unpacked:  # another process was first
                    self._unpack_beside(self.place / "unpacking")
        except (OSError, RuntimeError) as error:  # RuntimeError: torchvision's word for a wrong hash
            raise InputError(
                f"ImageNet's archives in '{self.place}' could not be unpacked ({error}): mend that, or get them anew from {URL}"
            ) from error

    def _unpack_beside(self, folder: Path) -> None:
        """A folder gets its name when it is whole, so that what a stopped process left is never taken for it."""
        from torchvision.datasets import ImageNet as Reader

        print(f"unpacking ImageNet in '{self.place}', once: this takes hours", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for archive in ARCHIVES:
            (folder / archive).symlink_to((self.place / archive).resolve())
        for split in SPLITS:
            if not (self.place / split).is_dir():
                Reader(str(folder), split)
                (folder / split).rename(self.place / split)
        shutil.rmtree(folder)
