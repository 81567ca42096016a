"""LSUN (Yu 2015): millions of photos of one scene or object, with a short side of 256 pixels, in an LMDB database."""

import io
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Unpack

from gan_lab.data.folder import FileOptions, ImageFiles, Part, hold_out
from gan_lab.data.store import Store
from gan_lab.errors import InputError, nearest
from gan_lab.ranges import Text

URL = "http://dl.yf.io/lsun"
SCENES = (
    *("bedroom", "bridge", "church_outdoor", "classroom", "conference_room"),
    *("dining_room", "kitchen", "living_room", "restaurant", "tower"),
)
OBJECTS = (
    *("airplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("dining_table", "dog", "horse", "motorbike", "person", "potted_plant", "sheep", "sofa", "train", "tv-monitor"),
)
HELD_OUT = 10_000  # LSUN's own 300 validation images are too few for a metric


class LSUN(ImageFiles):
    """The training images of one category; a fixed set of 10,000 of them, or a tenth if that is less, is held out.

    Args:
        root: the folder that holds ``<category>_train_lmdb`` (scenes) or ``<category>`` (objects).
        category: a name in `SCENES` or `OBJECTS`, such as bedroom or cat.
        options: see `ImageFiles` and `Data`; there are no labels.
    """

    def __init__(self, root: Text, category: Text, **options: Unpack[FileOptions]) -> None:
        super().__init__(**options)
        self.root, self.category, self.name = Path(root).expanduser(), category, f"lsun_{category}"

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe of `ImageFiles`, and the number of held-out images."""
        return super().recipe | {"held_out": HELD_OUT}

    @property
    def sources(self) -> list[Path]:
        """The database file, if it exists."""
        places = (self.root / name / "data.mdb" for name in (f"{self.category}_train_lmdb", self.category))
        return [place for place in places if place.is_file()][:1]

    def part(self, split: str) -> Part:
        """Return the keys of a split."""
        return Part(self._store, [key for key in self._store.files if (key in self._held_out) == (split == "held_out")])

    @cached_property
    def _store(self) -> Store:
        if self.sources:
            return Lmdb(self.sources[0].parent)
        if self.category in OBJECTS:
            wanted, source = self.category, f"{URL}/objects/{self.category}.zip"
        elif self.category in SCENES:
            wanted, source = f"{self.category}_train_lmdb", f"{URL}/scenes/{self.category}_train_lmdb.zip"
        else:
            hint = nearest(self.category, SCENES + OBJECTS)
            raise InputError(f"data.category={self.category} does not exist (choices: {', '.join(SCENES + OBJECTS)}){hint}")
        raise InputError(f"there is no '{self.root / wanted / 'data.mdb'}': unpack {source} in '{self.root}'")

    @cached_property
    def _held_out(self) -> set[str]:
        return hold_out(self._store.files, min(0.1, HELD_OUT / len(self._store.files)))


class Lmdb:
    """Images in an LMDB database, named by their keys.

    The database is opened for each read, which takes 0.1 ms, because an open one must not be carried across a fork.
    torchvision's reader does carry it across, and writes a list of keys to the working directory.

    Args:
        root: the folder of ``data.mdb``; it may be read-only.
    """

    others: Sequence[str] = ()

    def __init__(self, root: Path) -> None:
        try:
            import lmdb  # an optional dependency
        except ModuleNotFoundError as error:
            raise InputError("data=lsun needs the package lmdb: pip install 'gan_lab[lsun]'") from error
        self.root, self._lmdb = root, lmdb

    @cached_property
    def files(self) -> list[str]:
        """All keys; the images are not read."""
        try:
            with self._open() as base, base.begin() as transaction:
                keys = [os.fsdecode(key) for key in transaction.cursor().iternext(keys=True, values=False)]
        except self._lmdb.Error as error:
            raise InputError(f"'{self.root / 'data.mdb'}' cannot be read ({error}): download and unpack it again") from error
        if not keys:
            raise InputError(f"'{self.root / 'data.mdb'}' holds no images: download and unpack it again")
        return keys

    def open(self, file: str) -> BinaryIO:
        """Open the image of a key."""
        with self._open() as base, base.begin() as transaction:
            return io.BytesIO(transaction.get(os.fsencode(file)))

    def _open(self) -> Any:
        return self._lmdb.open(str(self.root), readonly=True, create=False, lock=False, readahead=False)
