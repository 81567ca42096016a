"""Tar shards in the layout of WebDataset: an image and, under the same name, its label, in many tar files anywhere."""

import contextlib
import io
import json
import re
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import fsspec
from rich.progress import track

from gan_lab import atomic
from gan_lab.data.decode import Fault, Unreadable
from gan_lab.data.store import EXTENSIONS, MOST_BYTES
from gan_lab.errors import InputError, first_line

INDEX = "index.json"
LABEL = ".cls"
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass
class Shard:
    """Contents of one tar file.

    Attributes:
        bytes: its size.
        files: names of its images.
        offsets: first byte of each.
        sizes: bytes of each.
        labels: the whole number in the ``.cls`` file beside each, None where there is none.
    """

    bytes: int
    files: list[str]
    offsets: list[int]
    sizes: list[int]
    labels: list[int | None]


class Shards:
    """Images in tar files, read by their position, so that any order is possible and workers share no descriptor.

    The contents are listed in an ``index.json`` beside the tar files. Without one, all headers are read, and it is written
    where the files lie on a disk of this machine that can be written to.

    Args:
        root: a folder or URL of ``*.tar`` files, a pattern (``DIR/train-*.tar``), or a range (``DIR/{000..099}.tar``), anywhere
            that fsspec reads.

    Raises:
        InputError: there are no tar files, one is damaged, holds no images, or the package of its protocol is missing.
    """

    others: Sequence[str] = ()

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        try:
            self._fs, place = fsspec.core.url_to_fs(root)
            self.paths = sorted(self._expand(place))
        except (ImportError, ValueError) as error:  # a protocol without its package, or unknown
            raise InputError(f"data.root={root} cannot be opened: {first_line(error)}") from error
        if not self.paths:
            raise InputError(
                f"there are no tar files in '{root}': give data.root= their folder, or a pattern such as DIR/*.tar"
            )

    def _expand(self, place: str) -> list[str]:
        if found := RANGE.search(place):
            first, last = found.groups()
            names = (f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1))
            return [f"{place[: found.start()]}{name}{place[found.end() :]}" for name in names]
        if place.endswith(".tar") and not re.search(r"[*?\[]", place):
            return [place]
        return [str(path) for path in self._fs.glob(place if place.endswith(".tar") else f"{place.rstrip('/')}/*.tar")]

    @cached_property
    def shards(self) -> list[Shard]:
        """The contents of each tar file, in the order of `paths`."""
        try:
            return self._indexed() or self._read_headers()
        except OSError as error:  # of a missing file, or of a server
            raise InputError(f"the tar files of data.root= cannot be read: {first_line(error)}") from error

    @cached_property
    def files(self) -> list[str]:
        """``SHARD/NAME`` of all images, those of a shard together."""
        return [
            f"{path.rpartition('/')[2]}/{file}"
            for path, shard in zip(self.paths, self.shards, strict=True)
            for file in shard.files
        ]

    @cached_property
    def labels(self) -> list[int | None]:
        """The label of each of `files`."""
        return [label for shard in self.shards for label in shard.labels]

    @cached_property
    def _positions(self) -> dict[str, tuple[str, int, int]]:
        rows = (
            (path, offset, size)
            for path, shard in zip(self.paths, self.shards, strict=True)
            for offset, size in zip(shard.offsets, shard.sizes, strict=True)
        )
        return dict(zip(self.files, rows, strict=True))

    def open(self, file: str) -> BinaryIO:
        """Read the bytes of an image into memory."""
        path, offset, size = self._positions[file]
        if size >= MOST_BYTES:
            raise Unreadable(Fault.OUT_OF_BOUNDS)
        return io.BytesIO(self._fs.cat_file(path, start=offset, end=offset + size))

    # ----- the index -------------------------------------------------------------------------------------------------

    def _indexed(self) -> list[Shard] | None:
        """Return what the index says, unless there is none, or a tar file is younger or of another size."""
        place = f"{self.paths[0].rpartition('/')[0]}/{INDEX}"
        try:
            content = json.loads(self._fs.cat_file(place))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise InputError(f"'{place}' cannot be read ({first_line(error)}): remove it, and it is made anew") from error
        try:
            shards = [Shard(**content[path.rpartition("/")[2]]) for path in self.paths]
        except (KeyError, TypeError):
            return None  # of other tar files
        if self._is_local and any(Path(path).stat().st_mtime_ns > Path(place).stat().st_mtime_ns for path in self.paths):
            return None  # a tar file is padded to 10 KiB: its size alone tells too little
        return (
            shards if all(self._fs.size(path) == shard.bytes for path, shard in zip(self.paths, shards, strict=True)) else None
        )

    @property
    def _is_local(self) -> bool:
        return "file" in self._fs.protocol

    def _read_headers(self) -> list[Shard]:
        shards = [
            self._headers(path) for path in track(self.paths, "reading the headers of tar files", disable=len(self.paths) < 3)
        ]
        if self._is_local:
            folder = Path(self.paths[0]).parent
            content = {Path(path).name: asdict(shard) for path, shard in zip(self.paths, shards, strict=True)}
            with contextlib.suppress(OSError):  # a folder that cannot be written to: the headers are read again next time
                atomic.write_text(folder / INDEX, json.dumps(content))
        return shards

    def _headers(self, path: str) -> Shard:
        """Read the headers of one tar file."""
        found: list[tuple[str, int, int]] = []
        labels: dict[str, int] = {}
        try:
            with self._fs.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
                for member in filter(tarfile.TarInfo.isreg, tar):
                    if member.name.lower().endswith(EXTENSIONS):
                        found.append((member.name, member.offset_data, member.size))
                    elif member.name.endswith(LABEL):
                        labels[_key(member.name)] = _number(tar.extractfile(member).read(20), member.name, path)  # type: ignore[union-attr]
            size = int(self._fs.size(path))
            if tar.offset >= size:  # cut off between two files, which tarfile takes for an end
                raise tarfile.ReadError("its end marker is missing")
        except (tarfile.TarError, EOFError) as error:
            raise InputError(
                f"'{path}' is not a complete, uncompressed tar file ({first_line(error)}): download or pack it again"
            ) from error
        if not found:
            raise InputError(f"'{path}' holds no images ({', '.join(EXTENSIONS)}): leave it out of data.root")
        files, offsets, sizes = map(list, zip(*found, strict=True))
        return Shard(size, files, offsets, sizes, [labels.get(_key(file)) for file in files])


def _key(name: str) -> str:
    """Return the name up to the first dot of its last part: what files of one sample share."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def _number(text: bytes, name: str, path: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"'{name}' of '{path}' is no whole number: a .cls file holds the label of its image") from error
