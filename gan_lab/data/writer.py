"""Writer of prepared arrays: decodes each image once, on all cores, and continues where an interrupted writer stopped."""

import json
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, Dataset

from gan_lab import __version__, atomic
from gan_lab.data.decode import Fault
from gan_lab.data.module import Data
from gan_lab.data.prepared import sha256
from gan_lab.data.workers import Loader
from gan_lab.errors import InputError

MARKS = "progress.json"
LABEL_BYTES = 8


class Chunk(NamedTuple):
    """Consecutive images decoded by a worker."""

    images: Tensor
    """uint8 (n, C, H, W)"""
    labels: Tensor
    """int64 (n,), or (0,) without labels"""
    broken: dict[str, InputError]
    """name -> error of each image that could not be read"""


@dataclass
class SplitProgress:
    """Progress of writing one split."""

    total: int
    """images in the source"""
    read: int = 0
    """images read, including broken ones"""
    images: int = 0
    """images written"""
    labels: int = 0
    """labels written"""
    broken: list[str] = field(default_factory=list)
    """names of the broken images"""
    faults: dict[str, int] = field(default_factory=dict)
    """reason -> number of images that were left out for it"""


class Decoder(Dataset[Chunk]):
    """A data set whose batches are chunks; a broken image is reported instead of raised, so that its message stays intact.

    Args:
        dataset: yields (uint8 (C, H, W), label or None). Its method ``read`` is used if it has one, because that raises for
            a broken image where indexing may return another image instead.
        shape: C, H and W.
    """

    def __init__(self, dataset: Any, shape: tuple[int, ...]) -> None:
        self.dataset, self.shape = dataset, shape

    def __getitems__(self, indices: list[int]) -> Chunk:
        """Read a chunk of images."""
        images, labels, broken = [torch.empty(0, *self.shape, dtype=torch.uint8)], [], {}
        for index in indices:
            try:
                image, label = self._read(index)
            except InputError as error:
                broken[self._name(index)] = error
                continue
            images.append(image[None])
            labels += [] if label is None else [int(label)]
        return Chunk(torch.cat(images), torch.tensor(labels, dtype=torch.int64), broken)

    def _read(self, index: int) -> tuple[Tensor, Any]:
        if not hasattr(self.dataset, "read"):
            return self.dataset[index]
        labels = self.dataset.labels
        return self.dataset.read(index), None if labels is None else labels[index]

    def _name(self, index: int) -> str:
        return self.dataset.name(index) if hasattr(self.dataset, "name") else str(index)


class Writer:
    """Writes both splits to ``<folder>.partial`` and renames it to the folder when they are complete.

    The work of an interrupted writer of the same source is kept.

    Args:
        folder: folder to make.
        data: data module whose images are written.
    """

    def __init__(self, folder: Path, data: Data) -> None:
        self.folder, self.partial = folder, folder.with_name(f"{folder.name}.partial")
        self.shape = tuple(data.shape)
        self.source = {"recipe": data.recipe, "stamp": data.stamp}
        self.resize = getattr(data, "resize", None)
        self.sets: dict[str, Any] = {"train": data.train_set, "held_out": data.held_out_set}
        self.progress = self._former() or {split: SplitProgress(len(dataset)) for split, dataset in self.sets.items()}
        self.partial.mkdir(parents=True, exist_ok=True)
        for path, size in self._files(self.progress):
            path.touch()
            os.truncate(path, size)  # bytes after the last recorded progress are written again
        self._mark()

    @property
    def bytes_left(self) -> int:
        """Upper bound of the bytes still to write."""
        return sum((p.total - p.read) * (math.prod(self.shape) + LABEL_BYTES) for p in self.progress.values())

    def write(self, split: str, workers: int, chunk: int) -> Iterator[SplitProgress]:
        """Write the missing images of a split, yielding the progress after each chunk.

        Args:
            split: "train" or "held_out".
            workers: decoding processes; 0 decodes in this one.
            chunk: images between two records of progress, from which an interrupted writer continues.
        """
        progress = self.progress[split]
        loader = Loader(
            Decoder(self.sets[split], self.shape),
            batch_sampler=BatchSampler(range(progress.read, progress.total), chunk, drop_last=False),
            collate_fn=_as_it_is,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,
            generator=torch.Generator(),  # without one, iter() draws from torch's global generator
        )
        with (self.partial / f"{split}.uint8").open("ab") as images, (self.partial / f"{split}.int64").open("ab") as labels:
            for part in loader:
                if part.broken and self._is_strict(split):
                    raise next(iter(part.broken.values()))
                _append(images, part.images)
                _append(labels, part.labels)
                progress.read += len(part.images) + len(part.broken)
                progress.images += len(part.images)
                progress.labels += len(part.labels)
                progress.broken += part.broken
                for error in part.broken.values():
                    fault = str(getattr(error, "fault", Fault.BROKEN))
                    progress.faults[fault] = progress.faults.get(fault, 0) + 1
                self._mark()
                yield progress

    def finish(self) -> dict[str, Any]:
        """Hash the arrays, move the folder into place and return the manifest."""
        manifest = {
            "gan_lab": __version__,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            **self.source,
            "resize": self.resize,
            "splits": {split: self._entry(split, progress) for split, progress in self.progress.items()},
        }
        atomic.write_json(self.partial / "manifest.json", manifest)
        former = self.folder.with_name(f"{self.folder.name}.former")
        shutil.rmtree(former, ignore_errors=True)
        if self.folder.exists():  # arrays of a source that has changed since
            self.folder.rename(former)
        self.partial.rename(self.folder)
        (self.folder / MARKS).unlink()
        shutil.rmtree(former, ignore_errors=True)
        return manifest

    def _entry(self, split: str, progress: SplitProgress) -> dict[str, Any]:
        if not progress.images:
            raise InputError(
                f"none of the {progress.total:,} {split} images can be read, for example '{progress.broken[0]}': replace them"
            )
        facts = getattr(self.sets[split], "source", None)
        return {
            "count": progress.images,
            "shape": [progress.images, *self.shape],
            "labels": progress.labels > 0,
            "classes": list(getattr(self.sets[split], "classes", ())),
            "source": facts and asdict(facts),
            "broken": progress.broken,
            "faults": progress.faults,
            "sha256": {kind: sha256(self.partial / f"{split}.{kind}") for kind in ("uint8", "int64")},
        }

    def _former(self) -> dict[str, SplitProgress] | None:
        """Return the progress of an interrupted writer, if it had the same source and its files are complete."""
        try:
            record = json.loads((self.partial / MARKS).read_text())
            marks = {split: SplitProgress(**values) for split, values in record.pop("splits").items()}
            holds = record == self.source and all(path.stat().st_size >= size for path, size in self._files(marks))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        for split, dataset in self.sets.items():
            holds &= marks[split].total == len(dataset) and not (self._is_strict(split) and marks[split].broken)
        return marks if holds else None

    def _is_strict(self, split: str) -> bool:
        return getattr(self.sets[split], "strict", False)

    def _files(self, marks: dict[str, SplitProgress]) -> Iterator[tuple[Path, int]]:
        """Yield each file and its size in bytes at the recorded progress."""
        for split, progress in marks.items():
            yield self.partial / f"{split}.uint8", progress.images * math.prod(self.shape)
            yield self.partial / f"{split}.int64", progress.labels * LABEL_BYTES

    def _mark(self) -> None:
        marks = {split: asdict(progress) for split, progress in self.progress.items()}
        atomic.write_json(self.partial / MARKS, {**self.source, "splits": marks})


def _append(file: BinaryIO, tensor: Tensor) -> None:
    file.write(tensor.numpy().tobytes())
    file.flush()
    os.fsync(file.fileno())  # before the progress that counts it is recorded


def _as_it_is(chunk: Any) -> Any:
    return chunk
