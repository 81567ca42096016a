"""Arrays in .npy and .npz files: images (N, C, H, W), signals (N, C, L) or vectors (N, F), with labels if there are any."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_lab.data.arrays import Arrays
from gan_lab.data.module import Data, shuffled
from gan_lab.data.pixels import from_span, is_image
from gan_lab.data.prepared import sha256
from gan_lab.errors import InputError, pick

DTYPES = ("uint8", "float16", "float32", "float64")
KINDS = {2: "(N, F)", 3: "(N, C, L)", 4: "(N, C, H, W)"}
SCANNED = 2**24
"""Numbers that are checked at once."""

Span = Sequence[Any]
"""Lowest and highest value: two numbers, or two lists with a number per channel or feature."""


class Labels(NamedTuple):
    """Labels, and what they are: int64 (N,) below ``num_classes``, or float32 (N, label_dim)."""

    y: Tensor | None = None
    num_classes: int | None = None
    label_dim: int | None = None


class Rows(Arrays):
    """Some rows of an array, which are read from its file and converted when they are asked for.

    Args:
        path: the file.
        values: (N, ...) of any type in `DTYPES`.
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
        root: str | None,
        held_out_root: str | None = None,
        held_out_fraction: float = 0.1,
        range: Span | None = None,
        condition: str = "found",
        key: str = "x",
        label_key: str = "y",
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        label_dim: int | None = None,
        channels: int | None = None,
        image_size: int | None = None,
        **options: Any,
    ) -> None:
        if root is None:
            raise InputError(
                "data=array needs a file: give data.root=FILE.npy, or an .npz with x and, if there are any, labels y"
            )
        if not 0 < held_out_fraction < 1:
            raise InputError(f"data.held_out_fraction={held_out_fraction} must lie between 0 and 1: use 0.1")
        if range is not None and (len(range) != 2 or not (torch.as_tensor(range[0]) < torch.as_tensor(range[1])).all()):
            raise InputError(f"data.range={range} is invalid: give [LOW,HIGH], the lower one first")
        self.root, self.key, self.label_key = Path(root).expanduser(), key, label_key
        self.held_out_root = None if held_out_root is None else Path(held_out_root).expanduser()
        self.held_out_fraction, self.condition = held_out_fraction, condition
        self._files: dict[Path, tuple[np.ndarray, np.ndarray | None]] = {}
        self._contents: dict[Path, tuple[Tensor, Tensor | None]] = {}
        values, y = self._read(self.root)
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
        if len(self.shape) < 3 or self.shape[1] != self.shape[2]:
            self.image_size = None  # type: ignore[assignment]  # the size of square images alone
        self._check_options(values.dtype)

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
        if len(y) != n:
            raise InputError(f"'{path}' holds {n:,} rows and {len(y):,} labels: give each row one")
        return convert(y, path)


# ----- labels ------------------------------------------------------------------------------------------------------------


def none(y: np.ndarray, path: Path) -> Labels:
    """Leave labels out."""
    return Labels()


def found(y: np.ndarray, path: Path) -> Labels:
    """Take whole numbers for classes, and floats for conditions."""
    return conditions(y, path) if y.dtype.kind == "f" else classes(y, path)


def classes(y: np.ndarray, path: Path) -> Labels:
    """Return classes (N,) from 0 on."""
    if y.dtype.kind not in "iu" or y.ndim != 1 or y.min() < 0:
        raise InputError(
            f"'{path}' holds labels of {y.dtype} {y.shape}: classes are whole numbers (N,) from 0 on, conditions floats "
            "(N,) or (N, K) (data.condition=regression)"
        )
    if (most := int(y.max())) >= 2 * len(y):
        raise InputError(
            f"'{path}' holds {len(y):,} labels of up to {most}: number the classes from 0 on, or take them for numbers by "
            "data.condition=regression"
        )
    return Labels(torch.from_numpy(y.astype(np.int64)), num_classes=most + 1)


def conditions(y: np.ndarray, path: Path) -> Labels:
    """Return numbers (N, K)."""
    if y.dtype.kind not in "iuf" or y.ndim not in (1, 2):
        raise InputError(f"'{path}' holds labels of {y.dtype} {y.shape}: conditions are numbers (N,) or (N, K)")
    vectors = torch.from_numpy(y.astype(np.float32)).view(len(y), -1)
    if not vectors.isfinite().all():
        raise InputError(f"'{path}' holds labels that are NaN or infinite: leave such rows out")
    return Labels(vectors, label_dim=vectors.shape[1])


CONDITIONS = {"found": found, "none": none, "classes": classes, "regression": conditions}


# ----- files -------------------------------------------------------------------------------------------------------------


def read(path: Path, key: str, label_key: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the array of a .npy file, mapped into memory, or array and labels of an .npz file; refuse what is no data."""
    if path.suffix not in (".npy", ".npz"):
        raise InputError(f"data.root='{path}' is neither .npy nor .npz: save the array by numpy.save('FILE.npy', array)")
    if path.suffix == ".npy":
        arrays = {key: _loaded(path, mmap_mode="c")}
    else:
        with _loaded(path) as opened:
            arrays = {name: _member(path, opened, name) for name in opened.files if name in (key, label_key)}
            names = ", ".join(opened.files)
        if key not in arrays:
            raise InputError(f"'{path}' holds {names or 'nothing'} and no {key}: give data.key=NAME data.label_key=NAME")
    check_array(arrays[key], path)
    return arrays[key], arrays.get(label_key) if path.suffix == ".npz" else None


def check_array(array: np.ndarray, path: Path) -> None:
    """Refuse a type or a shape that is none of a GAN's data."""
    if array.dtype not in DTYPES or not array.dtype.isnative:
        raise InputError(f"'{path}' holds {array.dtype}: save it as uint8 or float32, by array.astype('float32')")
    if array.ndim not in KINDS or not array.size:
        raise InputError(f"'{path}' holds an array of shape {array.shape}: data are {', '.join(KINDS.values())}")
    if array.ndim == 4 and array.shape[3] in (1, 3) and array.shape[1] == array.shape[2] > 3:
        raise InputError(
            f"'{path}' holds {array.shape}, channels last: save array.transpose(0, 3, 1, 2), which is (N, C, H, W)"
        )


def _loaded(path: Path, **options: Any) -> Any:
    if not path.is_file():
        raise InputError(f"there is no file '{path}': give data.root=FILE.npy or FILE.npz")
    try:
        return np.load(path, allow_pickle=False, **options)
    except Exception as error:  # a damaged file fails in many ways
        raise _unreadable(path) from error


def _member(path: Path, arrays: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(arrays[name])
    except Exception as error:  # as above
        raise _unreadable(path) from error


def _unreadable(path: Path) -> InputError:
    return InputError(
        f"'{path}' is broken, or holds Python objects, which are never loaded: save an array of uint8 or floats by numpy.save"
    )


def check_values(values: Tensor, path: Path, span: Span | None) -> None:
    """Refuse NaN, infinity, values outside ``span`` and, without one, images that are not on both sides of 0 in [-1, 1]."""
    extremes = []
    for part in values.split(max(1, SCANNED // max(1, values[0].numel()))):
        by_channel = part.float().movedim(1, 0).flatten(1)
        extremes.append(torch.stack(torch.aminmax(by_channel, dim=1)))
        if not extremes[-1].isfinite().all():
            raise InputError(f"'{path}' holds values that are NaN or infinite: leave such rows out, or replace them")
    low, high = torch.stack(extremes)[:, 0].amin(0), torch.stack(extremes)[:, 1].amax(0)
    found = f"'{path}' holds values from {low.min():g} to {high.max():g}"
    remedy = f"give data.range=[{low.min():g},{high.max():g}], or what they can be"
    if span is not None and ((low < torch.as_tensor(span[0])).any() or (high > torch.as_tensor(span[1])).any()):
        raise InputError(f"{found}, outside data.range={list(span)}: {remedy}")
    if span is None and is_image(values) and (low.min() >= 0 or max(-low.min(), high.max()) > 1):
        raise InputError(f"{found}, and images are taken to [-1, 1]: {remedy}, data.range=[-1,1] if they are there already")
