"""Arrays in .npy and .npz files: images (N, C, H, W), signals (N, C, L) or vectors (N, F), with labels if there are any."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_lab.cli.words import count
from gan_lab.data.arrays import Arrays
from gan_lab.data.module import Data
from gan_lab.data.numpy_file import CONDITIONS, Labels, Span, check_span, check_values, classes, conditions, read
from gan_lab.data.pixels import from_span
from gan_lab.data.prepared import sha256
from gan_lab.data.sampler import shuffled
from gan_lab.errors import InputError, pick
from gan_lab.ranges import OpenFraction, Sides, Size, Text


class Rows(Arrays):
    """Some rows of an array, which are read from its file and converted when they are asked for.

    Args:
        path: the file.
        values: (N, ...) of any type in `numpy_file.DTYPES`.
        labels: of all N rows, or None.
        rows: numbers of those that belong to the set.
        span: the values that become -1 and 1; None: uint8 stays uint8, and floats become float32.
        facts: plain data that, with the file, decide the samples and labels.
    """

    def __init__(
        self, path: Path, values: Tensor, labels: Tensor | None, rows: Tensor, span: Span | None, facts: dict[str, Any]
    ) -> None:
        super().__init__(values, None if labels is None else labels[rows])
        self.path, self.rows, self.span, self.facts = path, rows, span, facts

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor | None]:
        """Return one sample and its label."""
        samples, labels = self.__getitems__([index])
        return samples[0], None if labels is None else labels[0]

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor | None]:
        """Return a batch to the DataLoader."""
        wanted = torch.tensor(indices)
        samples = self.images.index_select(0, self.rows[wanted])
        labels = None if self.labels is None else self.labels.index_select(0, wanted)
        if self.span is not None:
            return from_span(samples, *self.span), labels
        return samples if samples.dtype == torch.uint8 else samples.float(), labels

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """The file's hash, and the facts."""
        return {"sha256": {"file": sha256(self.path)}, **self.facts}


class ArrayFile(Data):
    """The rows of an array; a part of them, the same in every run, is held out.

    A .npy file is mapped into memory: rows are read when a batch asks for them, so that it may be larger than memory. An .npz
    is read whole. All values are looked at once, before training.

    Args:
        root: .npy file of an array, or .npz file of an array ``key`` and, if there are any, labels ``label_key``; uint8 or
            floats (N, C, H, W), (N, C, L) or (N, F).
        held_out_root: a second such file, for evaluation; None holds out a part of ``root``.
        held_out_fraction: fraction of ``root`` to hold out.
        range: the values that become -1 and 1, two numbers or two lists with a number per channel or feature; None: 0 and 255
            for uint8, and floats as they are, which for images must be in [-1, 1].
        condition: "found": whole numbers y (N,) are classes, floats (N,) or (N, K) conditions; "classes" and "regression" ask
            for one of them, and "none" leaves labels out.
        key: of the array in an .npz file.
        label_key: of the labels there.
        shape: of a sample; None: the file's.
        num_classes: number of classes; None: one more than the largest label.
        label_dim: K of conditions; None: the file's.
        channels: see `Data`; not needed.
        image_size: see `Data`; not needed.
        options: see `Data`.
    """

    def __init__(
        self,
        root: Text | None,
        held_out_root: Text | None = None,
        held_out_fraction: OpenFraction = 0.1,
        range: Span | None = None,
        condition: str = "found",
        key: Text = "x",
        label_key: Text = "y",
        shape: Sequence[Size] | None = None,
        num_classes: Size | None = None,
        label_dim: Size | None = None,
        channels: Size | None = None,
        image_size: Sides | None = None,
        **options: Any,
    ) -> None:
        if root is None:
            raise InputError(
                "data=array needs a file: give data.root=FILE.npy, or an .npz with x and, if there are any, labels y"
            )
        if not 0 < held_out_fraction < 1:
            raise InputError(f"data.held_out_fraction={held_out_fraction} must lie between 0 and 1: use 0.1")
        self.root, self.key, self.label_key = Path(root).expanduser(), key, label_key
        self.held_out_root = None if held_out_root is None else Path(held_out_root).expanduser()
        self.held_out_fraction, self.condition = held_out_fraction, condition
        self._files: dict[Path, tuple[np.ndarray, np.ndarray | None]] = {}
        self._contents: dict[Path, tuple[Tensor, Tensor | None]] = {}
        values, y = self._read(self.root)
        check_span(range, values.shape[1])
        self.range = [0, 255] if range is None and values.dtype == np.uint8 else range
        found = self._labels(y, self.root, len(values))
        super().__init__(
            self._train,
            self._held_out,
            shape=tuple(shape or values.shape[1:]),
            num_classes=None if found.num_classes is None else num_classes or found.num_classes,
            label_dim=None if found.label_dim is None else label_dim or found.label_dim,
            **options,
        )
        if len(self.shape) < 3:
            self.image_size = None  # type: ignore[assignment]  # the size of images alone
        self._check_options(values.dtype)

    @property
    def resolved(self) -> dict[str, Any]:
        """Shape, labels and range, without which a checkpoint could neither make its networks nor restore the units."""
        return {key: getattr(self, key) for key in ("shape", "channels", "image_size", "num_classes", "label_dim", "range")}

    def _check_options(self, dtype: Any) -> None:
        plain_images = dtype == np.uint8 and len(self.shape) == 3 and self._kept
        if (self.flip or self.dequantize) and not plain_images:
            raise InputError(
                "data.flip and data.dequantize are for images of uint8 in [0, 255], and this array is "
                f"{dtype} {'x'.join(map(str, self.shape))}: leave them out"
            )

    @property
    def _kept(self) -> bool:
        """Whether uint8 stays uint8, which the data module takes to [-1, 1] on the device."""
        return self.range is not None and list(self.range) == [0, 255]

    # ----- the two sets ----------------------------------------------------------------------------------------------

    def _train(self) -> Rows:
        return self._rows(self.root, None if self.held_out_root else self._split[1])

    def _held_out(self) -> Rows:
        return self._rows(self.held_out_root or self.root, None if self.held_out_root else self._split[0])

    @cached_property
    def _split(self) -> tuple[Tensor, Tensor]:
        """Rows that are held out and the others, each in order."""
        n = len(self._read(self.root)[0])
        if n < 2:
            raise InputError(f"'{self.root}' has a single row: add more, for there must be one to train on and one to hold out")
        count = min(max(1, round(n * self.held_out_fraction)), n - 1)
        order = torch.tensor(shuffled(n))
        return order[:count].sort().values, order[count:].sort().values

    def _rows(self, path: Path, rows: Tensor | None) -> Rows:
        values, labels = self._checked(path)
        facts = {
            "range": repr(self.range),
            "condition": self.condition,
            "fraction": None if rows is None else self.held_out_fraction,
        }
        rows = torch.arange(len(values)) if rows is None else rows
        return Rows(path, values, labels, rows, None if values.dtype == torch.uint8 and self._kept else self.range, facts)

    def _checked(self, path: Path) -> tuple[Tensor, Tensor | None]:
        """Return values and labels of a file, each value looked at once."""
        if path not in self._contents:
            array, y = self._read(path)
            values = torch.from_numpy(array)
            if not (values.dtype == torch.uint8 and self._kept):
                check_values(values, path, self.range)
            self._contents[path] = values, self._labels(y, path, len(values)).y
        return self._contents[path]

    def _read(self, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
        if path not in self._files:
            self._files[path] = read(path, self.key, self.label_key)
        return self._files[path]

    def _labels(self, y: np.ndarray | None, path: Path, n: int) -> Labels:
        """Return the labels that ``condition`` asks for."""
        convert = pick(CONDITIONS, self.condition, "data.condition")
        if y is None and convert in (classes, conditions):
            raise InputError(
                f"data.condition={self.condition} needs labels, and '{path}' has none: save them beside the array, by "
                f"numpy.savez('FILE.npz', {self.key}=array, {self.label_key}=labels)"
            )
        if y is None:
            return Labels()
        if y.shape[:1] != (n,):
            labels = count(len(y) if y.ndim else 1, "label")
            raise InputError(f"'{path}' holds {count(n, 'row')} and {labels}: give each row one")
        return convert(y, path)
