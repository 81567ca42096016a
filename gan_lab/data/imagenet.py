"""ImageNet (ILSVRC 2012, Russakovsky 2015): 1,281,167 training and 50,000 validation photos of 1,000 classes."""

import shutil
from pathlib import Path
from typing import Any, Unpack

from filelock import FileLock
from torchvision import datasets

from gan_lab.data.folder import FileOptions, ImageFolder, Part
from gan_lab.errors import InputError
from gan_lab.ranges import Text

URL = "https://image-net.org/challenges/LSVRC/2012/2012-downloads.php"
ARCHIVES = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz")
SPLITS = ("train", "val")


class ImageNet(ImageFolder):
    """The folders ``train`` and ``val``, each with one folder of images per class; ``val`` is held out.

    Labels follow the sorted folder names, the WordNet ids, as in torchvision. If the root holds the three archives instead,
    torchvision's reader unpacks them first.

    Args:
        root: the folder that holds ``train`` and ``val``, or the archives.
        options: see `ImageFiles` and `Data`; ``num_classes`` is 1000, or None for no labels.
    """

    def __init__(self, root: Text, **options: Unpack[FileOptions]) -> None:
        self.place = Path(root).expanduser()
        super().__init__(str(self.place / "train"), str(self.place / "val"), **options)
        self.name = "imagenet"

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe of `ImageFiles`, which is the same wherever the images are stored."""
        return {
            key: value for key, value in super().recipe.items() if key not in ("sources", "held_out_fraction", "class_order")
        }

    def part(self, split: str) -> Part:
        """Return the images of a split, unpacking the archives first if necessary."""
        if not self._unpacked:
            self._unpack()
        return super().part(split)

    @property
    def _unpacked(self) -> bool:
        return all((self.place / split).is_dir() for split in SPLITS)

    def _unpack(self) -> None:
        if not all((self.place / archive).is_file() for archive in ARCHIVES):
            wanted = f"the folders train and val, or {', '.join(ARCHIVES)} from {URL}"
            raise InputError(f"ImageNet was not found in '{self.place}': put {wanted} there")
        try:
            with FileLock(self.place / "unpacking.lock"):
                if not self._unpacked:  # another process may have unpacked them while this one waited
                    self._unpack_beside(self.place / "unpacking")
        except (OSError, RuntimeError) as error:  # torchvision raises RuntimeError for a wrong hash
            raise InputError(
                f"ImageNet's archives in '{self.place}' could not be unpacked ({error}): fix that, or download them from {URL}"
            ) from error

    def _unpack_beside(self, folder: Path) -> None:
        """Unpack into ``folder`` and rename each split once complete, so that a partial one is never used."""
        print(f"unpacking ImageNet in '{self.place}', once: this takes hours", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for archive in ARCHIVES:
            (folder / archive).symlink_to((self.place / archive).resolve())
        for split in SPLITS:
            if not (self.place / split).is_dir():
                datasets.ImageNet(str(folder), split)
                (folder / split).rename(self.place / split)
        shutil.rmtree(folder)
