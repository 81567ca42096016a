"""CelebA (Liu 2015): 202,599 aligned faces of 178x218 pixels, with 40 attributes."""

import shutil
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

from filelock import FileLock
from torchvision import datasets

from gan_lab.data.folder import FileOptions, ImageFiles, Part, hold_out
from gan_lab.data.store import Store, open_store
from gan_lab.errors import InputError, pick
from gan_lab.ranges import Text

URL = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PLACES = ("img_align_celeba", "img_align_celeba.zip", "celeba/img_align_celeba", "celeba/img_align_celeba.zip")
ATTRIBUTES = ("list_attr_celeba.txt", "list_attr_celeba.csv")  # the authors', Kaggle's
PARTITION = ("list_eval_partition.txt", "list_eval_partition.csv")
SPLITS = {"train": "0", "held_out": "2"}  # codes in the partition list; 1, the validation images, are not used


class CelebA(ImageFiles):
    """The aligned faces, from a folder or zip file of JPEG files, or in the layout of the authors, Kaggle or torchvision.

    The held-out set is the test split of the authors' partition list, or a tenth of the images if that list is missing.

    Args:
        root: the folder or zip file; or a folder that holds ``img_align_celeba``, its zip file, or ``celeba`` with either.
        attributes: k of the 40 attribute names; an image's class is the sum of 2^i over the attributes i that it has,
            counted from 0 in the order given.
        download: fetch missing files with torchvision's reader.
        options: see `ImageFiles` and `Data`; ``num_classes`` is 2^k, or None without attributes.
    """

    name = "celeba"

    def __init__(
        self, root: Text, attributes: Iterable[str] = (), download: bool = False, **options: Unpack[FileOptions]
    ) -> None:
        super().__init__(**options)
        self.root, self.attributes, self.download = Path(root).expanduser(), list(attributes), download
        if len(set(self.attributes)) < len(self.attributes):
            raise InputError(f"data.attributes=[{','.join(self.attributes)}] repeats a name: give each name once")
        found = 2 ** len(self.attributes) if self.attributes else None
        if self.num_classes != found:
            raise InputError(
                f"data.num_classes={self.num_classes} does not fit data.attributes=[{','.join(self.attributes)}]: use "
                f"data.num_classes={'null' if found is None else found}"
            )

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe of `ImageFiles`, and the attributes."""
        return super().recipe | {"attributes": self.attributes}

    @property
    def sources(self) -> list[Path]:
        """The images and the lists in use; empty while there are no images."""
        images = self._find()
        lists = (self._list(images, names) for names in (ATTRIBUTES, PARTITION)) if images else ()
        return [path for path in (images, *lists) if path]

    def part(self, split: str) -> Part:
        """Return the training or the test images of the partition."""
        files = self._split[split]
        if not self.attributes:
            return Part(self._store, files)
        table, columns = self._columns
        labels = [sum((row[column] == "1") << bit for bit, column in enumerate(columns)) for row in _rows(table, files)]
        return Part(self._store, files, labels, [self._class_name(label) for label in range(2 ** len(columns))])

    def _class_name(self, label: int) -> str:
        return "+".join(name for bit, name in enumerate(self.attributes) if label >> bit & 1) or "none"

    @cached_property
    def _images_path(self) -> Path:
        """Path of the images, downloaded first if ``download`` is set and they are missing."""
        if (path := self._find()) is None and self.download:
            self._fetch()
            path = self._find()
        if path is None:
            raise InputError(f"CelebA was not found in '{self.root}': {self._by_hand}, or try data.download=true")
        return path

    @property
    def _by_hand(self) -> str:
        wanted = "img_align_celeba.zip and list_eval_partition.txt (and list_attr_celeba.txt for data.attributes)"
        return f"put {wanted} from {URL} there"

    @cached_property
    def _store(self) -> Store:
        return open_store(self._images_path)

    @cached_property
    def _split(self) -> dict[str, list[str]]:
        files, path = self._store.files, self._list(self._images_path, PARTITION)
        if path is None:
            held_out = hold_out(files, 0.1)
            return {split: [file for file in files if (file in held_out) == (split == "held_out")] for split in SPLITS}
        numbers = [row[0] for row in _rows(_Table(path, 1), files)]
        parts = {split: [f for f, n in zip(files, numbers, strict=True) if n == number] for split, number in SPLITS.items()}
        if not all(parts.values()):
            raise InputError(
                f"'{self._images_path}' lacks the training or the test images of '{path}': add them, or remove that list to "
                "hold out a tenth of the images"
            )
        return parts

    @cached_property
    def _columns(self) -> tuple["_Table", list[int]]:
        """The table of attributes, and its columns of ``attributes``."""
        path = self._list(self._images_path, ATTRIBUTES)
        if path is None:
            raise InputError(
                f"data.attributes needs {ATTRIBUTES[0]} (or Kaggle's {ATTRIBUTES[1]}) in '{self._images_path.parent}': "
                f"download it from {URL}, or use data.attributes=[]"
            )
        table = _Table(path, 40)
        place = {name: column for column, name in enumerate(table.names)}
        return table, [pick(place, name, "data.attributes") for name in self.attributes]

    def _find(self) -> Path | None:
        if self.root.is_file() or (self.root.is_dir() and any(self.root.glob("*.jpg"))):
            return self.root
        return next((self.root / place for place in PLACES if (self.root / place).exists()), None)

    def _list(self, images: Path, names: Iterable[str]) -> Path | None:
        """Find a list in the folder of the images, in its parent, or in the root."""
        places = (folder / name for folder in (images, images.parent, self.root) for name in names)
        return next((path for path in places if path.is_file()), None)

    def _fetch(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / "fetching.lock"):
                if not self._find():  # another process may have fetched them while this one waited
                    self._fetch_beside(self.root / "fetching")
        except Exception as error:  # gdown and the network raise almost anything
            raise InputError(f"CelebA could not be downloaded to '{self.root}' ({error}): {self._by_hand}") from error

    def _fetch_beside(self, folder: Path) -> None:
        """Download to ``folder``, then move the images to the root once all are there.

        Files that an interrupted process has downloaded are not downloaded again.
        """
        shutil.rmtree(folder / "celeba" / "img_align_celeba", ignore_errors=True)  # it may be half unpacked
        datasets.CelebA(str(folder), split="all", download=True)
        for path in sorted((folder / "celeba").iterdir(), key=lambda path: path.name.startswith("img")):  # lists first
            path.rename(self.root / path.name)
        shutil.rmtree(folder)


class _Table:
    """One of CelebA's lists, in the authors' or in Kaggle's format: a fixed number of values for each image.

    Attributes:
        names: column names, if the list has a header.
        rows: image name -> values as one string, because 8 million separate strings would fill the memory.
    """

    def __init__(self, path: Path, width: int) -> None:
        lines = [line.replace(",", " ").split() for line in path.read_text().splitlines()]
        images = [line for line in lines if line and line[0].endswith((".jpg", ".png"))]
        if not images or any(len(line) != width + 1 for line in images):
            raise InputError(f"'{path}' is not the list that comes with CelebA: download it again from {URL}")
        self.path = path
        self.names = next((line[-width:] for line in lines if len(line) >= width and line not in images), [])
        self.rows = {name: " ".join(values) for name, *values in images}


def _rows(table: _Table, files: Iterable[str]) -> Iterator[list[str]]:
    """Yield the values of each file."""
    for file in files:
        row = table.rows.get(name := Path(file).name)
        if row is None:
            raise InputError(f"the image '{name}' is not in '{table.path}': remove the image, or download the list from {URL}")
        yield row.split()
