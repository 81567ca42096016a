"""Data modules over image files: the base class, and the plain case of a folder or zip file."""

import hashlib
import heapq
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from gan_lab.data.decode import FILTERS, MODES, decode
from gan_lab.data.files import Images
from gan_lab.data.module import Data, Options
from gan_lab.data.store import Store, open_store, stamp
from gan_lab.errors import InputError, pick
from gan_lab.ranges import OpenFraction, Size, Text
from gan_lab.run_folder import in_order


class FileOptions(Options, total=False):
    """Options of every data module over image files; see `ImageFiles`."""

    crop: Size | None
    resize: str
    value_range: Sequence[float] | None
    strict: bool


class Part(NamedTuple):
    """The files of one split; labels as in `Images`."""

    store: Store
    files: list[str]
    labels: Sequence[int] | None = None
    classes: Sequence[str] = ()


class ImageFiles(Data, ABC):
    """A data module over image files, decoded on access; a subclass says which files.

    Args:
        crop: side in pixels of a centre crop before scaling; None: the largest centred part of the shape of ``image_size``.
        resize: resampling filter, a key of `gan_lab.data.decode.FILTERS`.
        value_range: the files' values that become black and white; None: 0 and 255, for 16 bits 0 and 65535.
        strict: stop at a broken image; otherwise its name is printed and the next one replaces it.
        options: see `Data`; ``channels`` is 1 (grey), 3 (colour) or 4 (colour with alpha).
    """

    name: str
    """Name of the prepared arrays."""

    def __init__(
        self,
        *,
        crop: Size | None = None,
        resize: str = "lanczos",
        value_range: Sequence[float] | None = None,
        strict: bool = False,
        **options: Unpack[Options],
    ) -> None:
        check_channels(options["channels"])
        pick(FILTERS, resize, "data.resize")
        if value_range is not None and (len(value_range) != 2 or not value_range[0] < value_range[1]):
            raise InputError(f"data.value_range={list(value_range)} is invalid: give [LOW,HIGH], the lower one first, or null")
        if crop is not None and crop < 1:
            raise InputError(f"data.crop={crop} is invalid: give a side of at least 1 pixel, or null for the largest square")
        super().__init__(partial(self._images, "train"), partial(self._images, "held_out"), **options)
        self.crop, self.strict, self.resize = crop, strict, resize
        self.value_range = None if value_range is None else list(value_range)

    @abstractmethod
    def part(self, split: str) -> Part:
        """Return the files and labels of a split, "train" or "held_out"."""

    @property
    @abstractmethod
    def sources(self) -> list[Path]:
        """Files and folders whose modification times reveal whether the images have changed."""

    @property
    def recipe(self) -> dict[str, Any]:
        """Options that determine the pixels and the labels."""
        return {
            "name": self.name,
            "channels": self.channels,
            "image_size": self.image_size,
            "crop": self.crop,
            "num_classes": self.num_classes,
            **changed(resize=(self.resize, "lanczos"), value_range=(self.value_range, None)),
        }

    @property
    def stamp(self) -> str | None:
        """Stamps of all sources; None if one is missing."""
        sources = self.sources
        return " ".join(map(stamp, sources)) if sources and all(path.exists() for path in sources) else None

    def _images(self, split: str) -> Images:
        store, files, labels, classes = self.part(split)
        read = partial(
            decode,
            channels=self.channels,
            size=self.shape[1:],
            crop=self.crop,
            resize=self.resize,
            value_range=self.value_range,
        )
        return Images(store, files, read, labels, classes, self.strict)


def check_channels(channels: int) -> None:
    """Refuse numbers of channels that images do not have."""
    if channels not in MODES:
        raise InputError(
            f"data.channels={channels} is not possible for images: use 1 (grey), 3 (colour) or 4 (colour and alpha)"
        )


def changed(**options: tuple[Any, Any]) -> dict[str, Any]:
    """Return the options, each (value, default), that have another value: arrays made before there was an option stay valid."""
    return {name: value for name, (value, default) in options.items() if value != default}


class ImageFolder(ImageFiles):
    """The images below a folder or in a zip file; if all are in subfolders, the top-level folders are the classes.

    Args:
        root: the folder or zip file.
        held_out_root: a second one with the same classes, for evaluation; None holds out a part of ``root``.
        held_out_fraction: fraction of ``root`` to hold out.
        options: see `ImageFiles` and `Data`; ``num_classes`` is the number of class folders, or None for no labels.
    """

    def __init__(
        self,
        root: Text | None,
        held_out_root: Text | None = None,
        held_out_fraction: OpenFraction = 0.1,
        **options: Unpack[FileOptions],
    ) -> None:
        if root is None:
            raise InputError("data=image_folder needs a folder or zip file of images: give data.root=FOLDER")
        if not 0 < held_out_fraction < 1:
            raise InputError(f"data.held_out_fraction={held_out_fraction} must lie between 0 and 1: use 0.1")
        super().__init__(**options)
        self.root = Path(root).expanduser()
        self.held_out_root = None if held_out_root is None else Path(held_out_root).expanduser()
        self.held_out_fraction = held_out_fraction
        self.name = self.root.resolve().stem

    @property
    def sources(self) -> list[Path]:
        """The root, and the held-out root if there is one."""
        return [self.root] if self.held_out_root is None else [self.root, self.held_out_root]

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe of `ImageFiles`, and the absolute paths, because a folder may hold anything."""
        sources = [str(path.resolve()) for path in self.sources]
        order = {} if self.num_classes is None else {"class_order": "natural"}  # it was alphabetical before 0.3
        return super().recipe | {"sources": sources, "held_out_fraction": self.held_out_fraction} | order

    def part(self, split: str) -> Part:
        """Return all files of the split's root, or the split's share of a common root."""
        if self.held_out_root is None:
            files = [file for file in self._store.files if (file in self._held_out_files) == (split == "held_out")]
            return self._labelled(self._store, files)
        if split == "train":
            return self._labelled(self._store, self._store.files)
        store = open_store(self.held_out_root)
        if self._classes and self._classes != class_folders(store):
            raise InputError(
                f"the class folders of '{self.held_out_root}' differ from those of '{self.root}': make them the same, or use "
                "data.num_classes=null"
            )
        return self._labelled(store, store.files)

    def _labelled(self, store: Store, files: list[str]) -> Part:
        if not self._classes:
            return Part(store, files)
        label = {name: index for index, name in enumerate(self._classes)}
        return Part(store, files, [label[_first(file)] for file in files], self._classes)

    @cached_property
    def _store(self) -> Store:
        return open_store(self.root)

    @cached_property
    def _classes(self) -> list[str]:
        return [] if self.num_classes is None else class_folders(self._store)

    @cached_property
    def _held_out_files(self) -> set[str]:
        return hold_out(self._store.files, self.held_out_fraction)


def class_folders(store: Store) -> list[str]:
    """Return the top-level folders in natural order, 2 before 10, or nothing if there are none; refuse files beside them."""
    outside = [file for file in store.files if "/" not in file]
    if len(outside) == len(store.files):
        return []
    if outside:
        others = f" and {len(outside) - 1:,} more" if len(outside) > 1 else ""
        raise InputError(
            f"'{store.root / outside[0]}'{others} lies beside the class folders of '{store.root}': move it into one of them or "
            "remove it, or use data.num_classes=null, which reads all images without labels"
        )
    return sorted(sorted({_first(file) for file in store.files}), key=in_order)


def _first(file: str) -> str:
    return file.partition("/")[0]


def hold_out(files: list[str], fraction: float) -> set[str]:
    """Choose a fraction of the files by the hashes of their paths, so that removing a file does not reshuffle the others."""
    if len(files) < 2:
        raise InputError(f"'{files[0]}' is the only image: add more, for there must be one to train on and one to hold out")
    count = min(max(1, round(len(files) * fraction)), len(files) - 1)
    return set(heapq.nsmallest(count, files, key=lambda file: hashlib.blake2b(file.encode(errors="surrogateescape")).digest()))
