"""CelebA (Liu 2015): 202,599 aligned faces of 178x218 pixels, with 40 attributes."""

import shutil
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

from filelock import FileLock

from gan_lab.data.files import Store, open_store
from gan_lab.data.folder import FileOptions, ImageFiles, Part, hold_out
from gan_lab.errors import InputError, pick

URL = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PLACES = ("img_align_celeba", "img_align_celeba.zip", "celeba/img_align_celeba", "celeba/img_align_celeba.zip")
ATTRIBUTES = ("list_attr_celeba.txt", "list_attr_celeba.csv")  # the authors', Kaggle's
PARTITION = ("list_eval_partition.txt", "list_eval_partition.csv")
SPLITS = {"train": "0", "held_out": "2"}  # numbers in the partition; 1, the validation images, are left out


class CelebA(ImageFiles):
    """The aligned faces: from a folder or zip file of the JPEG files, or as the authors, Kaggle or torchvision lay them out.

    The authors' partition says what is held out (their test images); without its list a tenth is.

    Args:
        root: the folder or zip file; or one that holds ``img_align_celeba``, its zip file, or ``celeba`` with one of them.
        attributes: names of k of the 40; the class of an image is the sum of 2^i over those that it has, i = 0 for the first.
        download: fetch what is missing, by torchvision's reader.
        options: see `ImageFiles` and `Data`; ``num_classes`` is 2^k, or None without attributes.
    """

    name = "celeba"

    def __init__(
        self, root: str, attributes: Iterable[str] = (), download: bool = False, **options: Unpack[FileOptions]
    ) -> None:
        super().__init__(**options)
        self.root, self.attributes, self.download = Path(root).expanduser(), list(attributes), download
        if len(set(self.attributes)) < len(self.attributes):
            raise InputError(f"data.attributes=[{','.join(self.attributes)}] names one twice: give each once")
        found = 2 ** len(self.attributes) if self.attributes else None
        if self.num_classes != found:
            raise InputError(
                f"data.num_classes={self.num_classes} does not fit data.attributes=[{','.join(self.attributes)}]: use "
                f"data.num_classes={'null' if found is None else found}"
            )

    @property
    def recipe(self) -> dict[str, Any]:
        """Also the attributes."""
        return super().recipe | {"attributes": self.attributes}

    @property
    def sources(self) -> list[Path]:
        """The images and the lists that are read; none while there are no images."""
        images = self._find()
        lists = (self._list(images, names) for names in (ATTRIBUTES, PARTITION)) if images else ()
        return [path for path in (images, *lists) if path]

    def part(self, split: str) -> Part:
        """The training or the test images."""
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
        """Where the images lie, fetched if that is asked for."""
        if (path := self._find()) is None and self.download:
            self._fetch()
            path = self._find()
        if path is None:
            raise InputError(f"there is no CelebA in '{self.root}': {self._by_hand}, or try data.download=true")
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
                "hold out a tenth"
            )
        return parts

    @cached_property
    def _columns(self) -> tuple["_Table", list[int]]:
        """The list of attributes, and where in it ours stand."""
        path = self._list(self._images_path, ATTRIBUTES)
        if path is None:
            raise InputError(
                f"data.attributes needs {ATTRIBUTES[0]} (or Kaggle's {ATTRIBUTES[1]}) in '{self._images_path.parent}': get it "
                f"from {URL}, or use data.attributes=[]"
            )
        table = _Table(path, 40)
        place = {name: column for column, name in enumerate(table.names)}
        return table, [pick(place, name, "data.attributes") for name in self.attributes]

    def _find(self) -> Path | None:
        if self.root.is_file() or (self.root.is_dir() and any(self.root.glob("*.jpg"))):
            return self.root
        return next((self.root / place for place in PLACES if (self.root / place).exists()), None)

    def _list(self, images: Path, names: Iterable[str]) -> Path | None:
        """A list in the folder of the images, beside it, or in the root."""
        places = (folder / name for folder in (images, images.parent, self.root) for name in names)
        return next((path for path in places if path.is_file()), None)

    def _fetch(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / "fetching.lock"):
                if not self._find():  # no other process was first
                    self._fetch_beside(self.root / "fetching")
        except Exception as error:  # gdown and its network raise almost anything
            raise InputError(f"CelebA could not be fetched into '{self.root}' ({error}): {self._by_hand}") from error

    def _fetch_beside(self, folder: Path) -> None:
        """The images get their place when all are there; what a stopped process has fetched is not fetched again."""
        from torchvision.datasets import CelebA as Reader

        shutil.rmtree(folder / "celeba" / "img_align_celeba", ignore_errors=True)  # it may be half unpacked
        Reader(str(folder), split="all", download=True)
        for path in sorted((folder / "celeba").iterdir(), key=lambda path: path.name.startswith("img")):  # the lists first
            path.rename(self.root / path.name)
        shutil.rmtree(folder)


class _Table:
    """A list that comes with CelebA, the authors' or Kaggle's: for each image a number of values.

    Attributes:
        names: of the values, where the list states them.
        rows: the values by the name of the image, as text, because 8 million strings would fill the memory.
    """

    def __init__(self, path: Path, width: int) -> None:
        lines = [line.replace(",", " ").split() for line in path.read_text().splitlines()]
        images = [line for line in lines if line and line[0].endswith((".jpg", ".png"))]
        if not images or any(len(line) != width + 1 for line in images):
            raise InputError(f"'{path}' is not the list that comes with CelebA: get it again from {URL}")
        self.path = path
        self.names = next((line[-width:] for line in lines if len(line) >= width and line not in images), [])
        self.rows = {name: " ".join(values) for name, *values in images}


def _rows(table: _Table, files: Iterable[str]) -> Iterator[list[str]]:
    """The values of each file."""
    for file in files:
        row = table.rows.get(name := Path(file).name)
        if row is None:
            raise InputError(f"the image '{name}' is not in '{table.path}': remove the image, or get that list from {URL}")
        yield row.split()
