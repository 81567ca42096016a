"""Images in files: where the bytes lie, how they are decoded, and what happens to broken ones."""

import hashlib
import io
import itertools
import os
import stat
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2.functional import pil_to_tensor

from gan_lab.errors import InputError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
MODES = {1: "L", 3: "RGB"}  # PIL's names of what the channels make


class BrokenImage(InputError):
    """A file that is no image, or not a whole one."""

    def __init__(self, message: str) -> None:
        # a worker of the DataLoader makes the error anew from its traceback, which ends in the sentence
        super().__init__(message.rstrip().rpartition("BrokenImage: ")[2])


# ----- where the bytes lie -----------------------------------------------------------------------------------------------


class Store(Protocol):
    """A place that holds image files.

    Attributes:
        root: the place.
        files: paths in it, with slashes, sorted; strings, because there may be millions.
    """

    root: Path

    @property
    def files(self) -> list[str]: ...  # noqa: D102

    def open(self, file: str) -> BinaryIO:
        """The bytes of a file."""


def open_store(path: Path) -> Store:
    """A folder, or a zip file."""
    if path.is_dir():
        return Folder(path)
    if path.is_file():
        return Zip(path)
    raise InputError(f"there is no folder or zip file '{path}': set data.root or data.held_out_root to one that holds images")


def stamp(path: Path) -> str:
    """Changes with the size or the date of a file; with the date of a folder or of one on its first level.

    A folder's date changes when files come or go, not when one is written anew.
    """
    if path.is_file():
        return f"{path.stat().st_size}-{path.stat().st_mtime_ns}"
    folders = [path, *sorted(child for child in path.iterdir() if child.is_dir())]
    dates = "\n".join(f"{folder.relative_to(path)} {folder.stat().st_mtime_ns}" for folder in folders)
    return hashlib.blake2b(dates.encode(errors="surrogateescape"), digest_size=8).hexdigest()


class Folder:
    """Image files below a folder; hidden ones do not count."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[str]:
        """Paths relative to the folder. A link that leaves it is refused; one to a folder inside is passed over.

        What that one holds is listed already, and it may lead in a circle.
        """
        root = self.root.resolve()
        return _some(self.root, sorted(path.removeprefix(f"{root}/") for path in _walk(root, root)))

    def open(self, file: str) -> BinaryIO:
        """The file."""
        return (self.root / file).open("rb")


def _walk(folder: Path, root: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), root)
            elif entry.is_symlink():
                yield from _image_link(Path(entry.path), root)
            elif _is_image(entry.name) and entry.is_file():
                yield entry.path


def _image_link(link: Path, root: Path) -> Iterator[str]:
    """The link, if it is one to an image; one to nothing is listed too, as a broken image."""
    is_image = _is_image(link.name)
    target = Path(os.path.realpath(link))  # Path.resolve raises on a circle before Python 3.13
    if (is_image or link.is_dir()) and not target.is_relative_to(root):
        raise InputError(f"the link '{link}' leaves the folder '{root}' for '{target}': remove it, or copy what it points to")
    if is_image and not link.is_dir():
        yield str(link)


class Zip:
    """Image files in a zip file, read as if it began in its top folder when there is only one; hidden files do not count."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[str]:
        """Paths in the zip file."""
        return _some(self.root, list(self._entries))

    def open(self, file: str) -> BinaryIO:
        """The file, unpacked in memory and checked."""
        return io.BytesIO(self._zip.read(self._entries[file]))

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(_OwnPosition(self.root))
        except zipfile.BadZipFile as error:
            raise InputError(f"'{self.root}' is not a whole zip file: fetch or pack it again") from error

    @cached_property
    def _entries(self) -> dict[str, zipfile.ZipInfo]:
        entries = {self._path(info): info for info in self._zip.infolist() if not info.is_dir()}
        names = sorted(name for name in entries if _is_image(name))
        tops = {name.partition("/")[0] for name in names}
        skipped = len(tops.pop()) + 1 if len(tops) == 1 and all("/" in name for name in names) else 0
        return {name[skipped:]: entries[name] for name in names}

    def _path(self, info: zipfile.ZipInfo) -> str:
        path = info.filename.replace("\\", "/")  # some programs on Windows write the other one
        parts = path.split("/")
        leaves = path.startswith("/") or path[1:2] == ":" or ".." in parts  # C:/ is a place on Windows
        if leaves or stat.S_ISLNK(info.external_attr >> 16):
            raise InputError(
                f"the entry '{info.filename}' of '{self.root}' is a link or leaves the folder: pack the images again without it"
            )
        if info.flag_bits & 1:
            raise InputError(f"the entry '{info.filename}' of '{self.root}' is encrypted: pack the images without a password")
        return "/".join(part for part in parts if part not in ("", "."))


class _OwnPosition(io.RawIOBase):
    """A file whose position is kept here, so that forked workers can read through one handle at once."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: os.fstat(self._file.fileno()).st_size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a narrower buffer
        data = os.pread(self._file.fileno(), len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _is_image(path: str) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))
    return path.lower().endswith(EXTENSIONS) and not hidden


def _some(root: Path, files: list[str]) -> list[str]:
    if not files:
        raise InputError(f"'{root}' holds no images ({', '.join(EXTENSIONS)}); hidden files do not count")
    return files


# ----- how they are decoded ----------------------------------------------------------------------------------------------


def decode(file: BinaryIO, channels: int, image_size: int, crop: int | None = None) -> Tensor:
    """An image as uint8 (C, H, W): upright, its short side scaled to ``image_size`` (Lanczos), its middle cropped.

    Args:
        file: any kind that PIL knows; of an animation the first picture.
        channels: 1 makes grey, 3 colour.
        image_size: height and width.
        crop: first cut out the middle square of so many pixels a side, or the largest there is.
    """
    with Image.open(file) as image:
        plain = _plain(ImageOps.exif_transpose(image)).convert(MODES[channels])
    if crop is not None:
        side = min(crop, *plain.size)
        left, top = (plain.width - side) // 2, (plain.height - side) // 2
        plain = plain.crop((left, top, left + side, top + side))
    return pil_to_tensor(ImageOps.fit(plain, (image_size, image_size), Image.Resampling.LANCZOS))


def _plain(image: Image.Image) -> Image.Image:
    """8 bits and opaque: 16 bits are scaled, which PIL would clip at 255; what is transparent shows white."""
    if image.mode == "F":
        raise ValueError("the range of floating-point pixels is not known")
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


# ----- the data set ------------------------------------------------------------------------------------------------------


class Images(Dataset[tuple[Tensor, int | None]]):
    """Image files, each read when it is asked for.

    In the place of a broken one stands the next good one, with its own label, always the same one; its name is printed once.

    Args:
        store: where they lie.
        files: which of the store's.
        decode: makes uint8 (C, H, W) of a file.
        labels: one for each file, or None.
        classes: names of the labels.
        strict: a broken image is an error instead.
    """

    def __init__(
        self,
        store: Store,
        files: list[str],
        decode: Callable[[BinaryIO], Tensor],
        labels: Sequence[int] | None = None,
        classes: Sequence[str] = (),
        strict: bool = False,
    ) -> None:
        self.store, self.files, self.decode, self.strict = store, files, decode, strict
        self.labels = None if labels is None else torch.tensor(labels)
        self.classes = list(classes)
        self._is_broken = torch.zeros(len(files), dtype=torch.bool).share_memory_()  # forked workers write into it

    def __len__(self) -> int:
        """Number of files."""
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int | None]:
        """Image, uint8 (C, H, W), and label; of the next good file where this one is broken."""
        start = range(len(self))[index]  # an IndexError past the end, by which a loop over the set ends
        for position in itertools.chain(range(start, len(self)), range(start)):
            if self._is_broken[position]:
                continue
            try:
                return self.read(position), None if self.labels is None else int(self.labels[position])
            except BrokenImage as error:
                if self.strict:
                    raise
                self._is_broken[position] = True
                # not sys.stderr: a progress bar may stand in for it, whose lock a forked worker could never get
                print(f"{error} (the next one is taken; data.strict=true stops instead)", file=sys.__stderr__, flush=True)
        raise BrokenImage(f"none of the {len(self):,} images of '{self.store.root}' can be read: are they whole?")

    def name(self, index: int) -> str:
        """Where the file lies."""
        return str(self.store.root / self.files[index])

    def read(self, index: int) -> Tensor:
        """The image of this very file, uint8 (C, H, W).

        Raises:
            BrokenImage: it cannot be decoded.
        """
        try:
            with self.store.open(self.files[index]) as file:
                return self.decode(file)
        except Exception as error:  # decoders raise almost anything
            message = f"the image '{self.name(index)}' is broken or of an unknown kind: replace or remove it"
            raise BrokenImage(message) from error

    @property
    def broken(self) -> list[str]:
        """The names of the broken files that this process and its workers have met."""
        return [self.name(index) for index in self._is_broken.nonzero().flatten().tolist()]
