"""Read arrays and labels from .npy and .npz files, and refuse what is no data for a GAN."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_lab.cli.words import count
from gan_lab.data.pixels import is_image
from gan_lab.errors import InputError

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
            f"'{path}' holds labels of {y.dtype} {y.shape}: classes are whole numbers (N,) from 0 on, conditions numbers "
            "(N,) or (N, K) (data.condition=regression)"
        )
    if (most := int(y.max())) >= 2 * len(y):
        raise InputError(
            f"'{path}' holds {count(len(y), 'label')} of up to {most}: number the classes from 0 on, or take them for numbers "
            "by data.condition=regression"
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


def check_span(span: Span | None, channels: int) -> None:
    """Refuse a span that is not two numbers, or lists of one per channel or feature, the lower first."""
    if span is None:
        return
    try:
        low, high = (torch.as_tensor([*bound] if isinstance(bound, Sequence) else bound).float() for bound in span)
        is_valid = bool((low.expand(channels) < high.expand(channels)).all())
    except (TypeError, ValueError, RuntimeError):  # words, three bounds, lists of another length
        is_valid = False
    if not is_valid:
        raise InputError(
            f"data.range={span} is invalid: give [LOW,HIGH], the lower one first, each a number or a list of {channels}, "
            "one for each channel or feature"
        )


def check_values(values: Tensor, path: Path, span: Span | None) -> None:
    """Refuse NaN, infinity, values outside ``span`` and, without one, images that are not on both sides of 0 in [-1, 1]."""
    extremes = []
    for part in values.split(max(1, SCANNED // max(1, values[0].numel()))):
        by_channel = part.float().movedim(1, 0).flatten(1)
        extremes.append(torch.stack(torch.aminmax(by_channel, dim=1)))
        if not extremes[-1].isfinite().all():
            raise InputError(f"'{path}' holds values that are NaN or infinite in float32: leave such rows out, or replace them")
    low, high = torch.stack(extremes)[:, 0].amin(0), torch.stack(extremes)[:, 1].amax(0)
    found = f"'{path}' holds values from {low.min():g} to {high.max():g}"
    remedy = f"give data.range=[{low.min():g},{high.max():g}], or what they can be"
    if span is not None and ((low < torch.as_tensor(span[0])).any() or (high > torch.as_tensor(span[1])).any()):
        raise InputError(f"{found}, outside data.range={list(span)}: {remedy}")
    if span is None and is_image(values) and (low.min() >= 0 or max(-low.min(), high.max()) > 1):
        raise InputError(f"{found}, and images are taken to [-1, 1]: {remedy}, data.range=[-1,1] if they are there already")
