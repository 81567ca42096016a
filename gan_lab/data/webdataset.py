"""Images in tar shards as WebDataset packs them (Aizman 2019, https://arxiv.org/abs/2001.01252), local or behind a URL."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

from gan_lab.cli.words import count
from gan_lab.data.folder import FileOptions, ImageFiles, Part
from gan_lab.data.sampler import ShardBatches
from gan_lab.data.shards import Shards
from gan_lab.errors import InputError
from gan_lab.ranges import Count, Text


class WebDataset(ImageFiles):
    """Image files in tar shards, each process of a run reading its own share of the shards.

    Differs from the package webdataset, whose pipelines are streams without a position: a sample is read by its place in its
    shard, so a resumed run continues exactly, and the order is a function of the seed alone.

    Args:
        root: a folder or URL of tar files, a pattern, or a range; see `gan_lab.data.shards.Shards`.
        held_out_root: likewise, for evaluation; None holds out the last shards of ``root``.
        held_out_shards: number of shards to hold out.
        streams: shards that are read at once by all processes together; see `gan_lab.data.sampler.ShardBatches`.
        options: see `ImageFiles` and `Data`; with ``num_classes`` the whole number in the ``.cls`` file beside an image is its
            label.
    """

    def __init__(
        self,
        root: Text | None,
        held_out_root: Text | None = None,
        held_out_shards: Count = 1,
        streams: Count = 8,
        **options: Unpack[FileOptions],
    ) -> None:
        if root is None:
            raise InputError("data=webdataset needs tar files: give data.root=FOLDER, DIR/train-*.tar, or DIR/{000..099}.tar")
        super().__init__(**options)
        self.root, self.held_out_root, self.held_out_shards, self.streams = root, held_out_root, held_out_shards, streams
        self.name = Path(root).name.partition(".")[0] or "webdataset"

    @property
    def sources(self) -> list[Path]:
        """The tar files, as far as they lie on this machine."""
        stores = [self._store] if self.held_out_root is None else [self._store, self._held_out_store]
        return [Path(path) for store in stores for path in store.paths]

    @property
    def recipe(self) -> dict[str, Any]:
        """The recipe of `ImageFiles`, and which shards are held out."""
        return super().recipe | {
            "sources": [self.root, self.held_out_root],
            "held_out_shards": None if self.held_out_root else self.held_out_shards,
        }

    def part(self, split: str) -> Part:
        """Return the images of the split's shards."""
        if self.held_out_root is not None:
            return self._labelled(self._store if split == "train" else self._held_out_store, 0, None)
        first = sum(self._lengths)
        return self._labelled(self._store, 0, first) if split == "train" else self._labelled(self._store, first, None)

    def order(self) -> ShardBatches:
        """Return endless batches that walk through the training shards.

        Raises:
            InputError: the streams cannot be shared among the processes, the batch among the streams, or shards are too few.
        """
        rank, world_size = self._process
        total, streams = self.batch_size * world_size, self.streams
        if streams > len(self._lengths) or streams % world_size or total % streams:
            fitting = [n for n in range(1, len(self._lengths) + 1) if n % world_size == 0 and total % n == 0]
            remedy = f"use {' or '.join(map(str, fitting[-3:]))}" if fitting else "pack more shards, or use fewer processes"
            raise InputError(
                f"data.streams={streams} must be a multiple of {count(world_size, 'process')}, divide the batch of {total} and "
                f"be at most the {count(len(self._lengths), 'training shard')}: {remedy}"
            )
        return ShardBatches(self._lengths, streams, self.batch_size, self.seed, self._images_seen, rank, world_size)

    def reference_rows(self, n: int) -> list[int]:
        """Return the first training samples, which lie in few shards."""
        return list(range(min(n, self.num_train)))

    @cached_property
    def _store(self) -> Shards:
        return Shards(self.root)

    @cached_property
    def _held_out_store(self) -> Shards:
        assert self.held_out_root is not None
        return Shards(self.held_out_root)

    @cached_property
    def _lengths(self) -> list[int]:
        """Number of samples in each training shard."""
        lengths = [len(shard.files) for shard in self._store.shards]
        if self.held_out_root is not None:
            return lengths
        if len(lengths) <= self.held_out_shards:
            raise InputError(
                f"'{self.root}' has {count(len(lengths), 'tar file')}, and data.held_out_shards={self.held_out_shards} leaves "
                "none to train on: give data.held_out_root=, or pack more shards"
            )
        return lengths[: -self.held_out_shards]

    def _labelled(self, store: Shards, first: int, last: int | None) -> Part:
        files = store.files[first:last]
        if self.num_classes is None:
            return Part(store, files)
        labels: Sequence[int | None] = store.labels[first:last]
        if None in labels:
            raise InputError(
                f"'{files[labels.index(None)]}' has no .cls file beside it: pack its label, or use data.num_classes=null"
            )
        return Part(store, files, [label for label in labels if label is not None])
