"""Image files: reading them from folders and zip files, and replacing broken ones."""

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

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gan_lab.errors import InputError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")


class BrokenImage(InputError):
    """A file that is not an image, or is incomplete."""

    def __init__(self, message: str) -> None:
        # the DataLoader re-raises a worker's error with its whole traceback as the message, which ends in the sentence
        super().__init__(message.rstrip().rpartition("BrokenImage: ")[2])


# ----- storage -----------------------------------------------------------------------------------------------------------


class Store(Protocol):
    """A folder, archive or database of image files.

    Attributes:
        root: its path.
        files: sorted paths inside it, with forward slashes; strings, because there may be millions.
    """

    root: Path

    @property
    def files(self) -> list[str]: ...  # noqa: D102

    def open(self, file: str) -> BinaryIO:
        """Open a file for reading."""


def open_store(path: Path) -> Store:
    """Open a folder or a zip file of images."""
    if path.is_dir():
        return Folder(path)
    if path.is_file():
        return Zip(path)
    raise InputError(f"there is no folder or zip file '{path}': set data.root or data.held_out_root to one with images")


def stamp(path: Path) -> str:
    """Return a string that changes when the source changes, without reading it.

    For a file it depends on the size and modification time; for a folder, on the modification times of the folder and its
    immediate subfolders, which change when files are added or removed, but not when one is overwritten.
    """
    if path.is_file():
        return f"{path.stat().st_size}-{path.stat().st_mtime_ns}"
    folders = [path, *sorted(child for child in path.iterdir() if child.is_dir())]
    dates = "\n".join(f"{folder.relative_to(path)} {folder.stat().st_mtime_ns}" for folder in folders)
    return hashlib.blake2b(dates.encode(errors="surrogateescape"), digest_size=8).hexdigest()


class Folder:
    """Image files below a folder, at any depth; hidden files are ignored."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[str]:
        """Paths relative to the folder. A link out of the folder is refused; a link to a folder inside it is skipped.

        The files behind such a link are listed already, and it may form a cycle.
        """
        root = self.root.resolve()
        return _some(self.root, sorted(path.removeprefix(f"{root}/") for path in _walk(root, root)))

    def open(self, file: str) -> BinaryIO:
        """Open a file for reading."""
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
    """Yield the link if it has an image's name; a dangling one is listed too, as a broken image."""
    is_image = _is_image(link.name)
    target = Path(os.path.realpath(link))  # Path.resolve raises on a cycle before Python 3.13
    if (is_image or link.is_dir()) and not target.is_relative_to(root):
        raise InputError(f"the link '{link}' leaves the folder '{root}' for '{target}': remove it, or copy its target here")
    if is_image and not link.is_dir():
        yield str(link)


class Zip:
    """Image files in a zip file; hidden files are ignored, and a single top-level folder is left out of the paths."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[str]:
        """Paths in the zip file."""
        return _some(self.root, list(self._entries))

    def open(self, file: str) -> BinaryIO:
        """Decompress a file into memory and check its CRC."""
        return io.BytesIO(self._zip.read(self._entries[file]))

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(_OwnPosition(self.root))
        except zipfile.BadZipFile as error:
            raise InputError(f"'{self.root}' is not a complete zip file: download or pack it again") from error

    @cached_property
    def _entries(self) -> dict[str, zipfile.ZipInfo]:
        entries = {self._path(info): info for info in self._zip.infolist() if not info.is_dir()}
        names = sorted(name for name in entries if _is_image(name))
        tops = {name.partition("/")[0] for name in names}
        skipped = len(tops.pop()) + 1 if len(tops) == 1 and all("/" in name for name in names) else 0
        return {name[skipped:]: entries[name] for name in names}

    def _path(self, info: zipfile.ZipInfo) -> str:
        path = info.filename.replace("\\", "/")  # some Windows programs write backslashes
        parts = path.split("/")
        leaves = path.startswith("/") or path[1:2] == ":" or ".." in parts  # C:/ is an absolute path on Windows
        if leaves or stat.S_ISLNK(info.external_attr >> 16):
            raise InputError(
                f"the entry '{info.filename}' of '{self.root}' is a link or leaves the folder: pack the images again without it"
            )
        if info.flag_bits & 1:
            raise InputError(f"the entry '{info.filename}' of '{self.root}' is encrypted: pack the images without a password")
        return "/".join(part for part in parts if part not in ("", "."))


class _OwnPosition(io.RawIOBase):
    """A file that keeps its own position, so that forked workers can read through one descriptor at once."""

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
        raise InputError(f"'{root}' holds no images ({', '.join(EXTENSIONS)}): add some, not hidden")
    return files


# ----- the data set ------------------------------------------------------------------------------------------------------


class Images(Dataset[tuple[Tensor, int | None]]):
    """Image files, each read on access.

    A broken image is replaced by the next good one, with the label of that one; the broken name is printed once.

    Args:
        store: the files' folder, archive or database.
        files: paths in the store.
        decode: turns an open file into uint8 (C, H, W).
        labels: one per file, or None.
        classes: names of the labels.
        strict: raise at a broken image instead of replacing it.
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
        """Return the number of files."""
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int | None]:
        """Return the image, uint8 (C, H, W), and its label; those of the next good file if this one is broken."""
        start = range(len(self))[index]  # raises IndexError past the end, which ends a loop over the data set
        for position in itertools.chain(range(start, len(self)), range(start)):
            if self._is_broken[position]:
                continue
            try:
                return self.read(position), None if self.labels is None else int(self.labels[position])
            except BrokenImage as error:
                if self.strict:
                    raise
                self._is_broken[position] = True
                # not sys.stderr: a progress bar may have replaced it, and a forked worker could wait for its lock forever
                print(f"{error} (using the next one; data.strict=true stops instead)", file=sys.__stderr__, flush=True)
        raise BrokenImage(f"none of the {len(self):,} images of '{self.store.root}' can be read: check that they are complete")

    def name(self, index: int) -> str:
        """Return the path of the file."""
        return str(self.store.root / self.files[index])

    def read(self, index: int) -> Tensor:
        """Return the image of exactly this file, uint8 (C, H, W).

        Raises:
            BrokenImage: the file cannot be decoded.
        """
        try:
            with self.store.open(self.files[index]) as file:
                return self.decode(file)
        except Exception as error:  # decoders raise almost anything
            message = f"the image '{self.name(index)}' is broken or in an unknown format: replace or remove it"
            raise BrokenImage(message) from error

    @property
    def broken(self) -> list[str]:
        """Paths of the broken files that this process and its workers have found so far."""
        return [self.name(index) for index in self._is_broken.nonzero().flatten().tolist()]
