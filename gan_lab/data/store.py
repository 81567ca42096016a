"""Where image files lie: in a folder or in a zip file."""

import contextlib
import copy
import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol

from PIL import Image

from gan_lab.data.decode import Fault, Unreadable, is_grey, opened
from gan_lab.errors import InputError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
JUNK = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""Files and folders that programs leave behind, beside the hidden ones (.DS_Store, .ipynb_checkpoints)."""
MOST_BYTES = 2**30
"""Of an entry of a zip file: more than `gan_lab.data.decode.MOST_PIXELS` need."""


class Store(Protocol):
    """A folder, archive or database of image files.

    Attributes:
        root: its path.
        files: sorted paths inside it, with forward slashes; strings, because there may be millions.
        others: paths of files that are no images by their names, and are left out.
    """

    root: Path

    @property
    def files(self) -> list[str]: ...  # noqa: D102

    @property
    def others(self) -> Sequence[str]: ...  # noqa: D102

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
    """Image files below a folder, at any depth; hidden files and `JUNK` are ignored."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def files(self) -> list[str]:
        """Paths relative to the folder. A link out of the folder is refused; a link to a folder inside it is skipped.

        The files behind such a link are listed already, and it may form a cycle.
        """
        return self._listing[0]

    @property
    def others(self) -> list[str]:
        """Paths, relative to the folder, of the files that are no images."""
        return self._listing[1]

    @cached_property
    def _listing(self) -> tuple[list[str], list[str]]:
        root = self.root.resolve()
        paths = sorted(path.removeprefix(f"{root}/") for path in _walk(root, root))
        return _some(self.root, [path for path in paths if _is_image(path)]), [path for path in paths if not _is_image(path)]

    def open(self, file: str) -> BinaryIO:
        """Open a file for reading."""
        return (self.root / file).open("rb")


def _walk(folder: Path, root: Path) -> Iterator[str]:
    """Yield the files that are neither hidden nor junk."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_junk(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), root)
            elif entry.is_symlink():
                yield from _image_link(Path(entry.path), root)
            elif entry.is_file():
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
    """Image files in a zip file; hidden files and `JUNK` are ignored, a single top-level folder is left out of the paths."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[str]:
        """Paths in the zip file."""
        return _some(self.root, list(self._entries))

    @cached_property
    def others(self) -> list[str]:
        """Paths in the zip file of the files that are no images."""
        return sorted(name for name in self._contents if not _is_image(name))

    def open(self, file: str) -> BinaryIO:
        """Decompress a file into memory, no further than the size that the zip file states, and check its CRC."""
        stated = self._entries[file].file_size
        if stated >= MOST_BYTES:
            raise Unreadable(Fault.OUT_OF_BOUNDS)
        entry = copy.copy(self._entries[file])
        entry.file_size = MOST_BYTES  # else zipfile itself would end at the stated size, and not see that there is more
        with self._zip.open(entry) as file_in_zip:
            content = file_in_zip.read(stated + 1)  # without a size, a few bytes could unpack to 2 GiB at once
        if len(content) != stated:
            raise Unreadable(Fault.OUT_OF_BOUNDS)
        return io.BytesIO(content)

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(_OwnPosition(self.root))
        except zipfile.BadZipFile as error:
            raise InputError(
                f"'{self.root}' is neither a folder nor a whole zip file: give a folder of images, or download or pack it again"
            ) from error

    @cached_property
    def _contents(self) -> dict[str, zipfile.ZipInfo]:
        """All files by their paths but the hidden ones and junk."""
        entries = {self._path(info): info for info in self._zip.infolist() if not info.is_dir()}
        return {name: info for name, info in entries.items() if not any(map(_is_junk, name.split("/")))}

    @cached_property
    def _entries(self) -> dict[str, zipfile.ZipInfo]:
        names, entries = sorted(filter(_is_image, self._contents)), self._contents
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
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # zipfile unpacks others without a bound
            raise InputError(
                f"the entry '{info.filename}' of '{self.root}' is packed in a rare way: pack the images as by zip -r"
            )
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
    return path.lower().endswith(EXTENSIONS)


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name in JUNK


def _some(root: Path, files: list[str]) -> list[str]:
    if not files:
        raise InputError(f"'{root}' holds no images ({', '.join(EXTENSIONS)}): add some, not hidden")
    return files


def headers(store: Store, files: Iterable[str]) -> Iterator[Image.Image]:
    """Yield images of which the header is read; what cannot be read is passed over."""
    for name in files:
        with contextlib.suppress(Exception), store.open(name) as file, opened(file) as image:
            yield image


def has_colours(store: Store) -> bool:
    """Return whether any file has colours, by the headers up to the first that has."""
    return any(not is_grey(image) for image in headers(store, store.files))
