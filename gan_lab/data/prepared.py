"""Reader of the arrays that `gan_lab.prepare` writes: decoded, cropped and resized images, memory-mapped.

For each split a folder holds the raw bytes of the images, uint8 (N, C, H, W), in ``<split>.uint8`` and of the labels, int64
(N,), in ``<split>.int64``, which is empty without labels; ``manifest.json`` has the source, transform, counts and hashes.
"""

import hashlib
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gan_lab.data.arrays import Arrays
from gan_lab.data.survey import SourceFacts
from gan_lab.errors import InputError

if TYPE_CHECKING:
    from gan_lab.data.module import Data

AGAIN = "run python -m gan_lab.prepare with the same data options again, or give data.prepared=null to read the source itself"


class Prepared(Arrays):
    """The prepared images and labels of one split.

    Args:
        folder: the folder of the arrays.
        split: "train" or "held_out".
        entry: the manifest's entry for the split.
    """

    def __init__(self, folder: Path, split: str, entry: dict[str, Any]) -> None:
        labels = _mapped(folder / f"{split}.int64", entry["shape"][:1], torch.int64) if entry["labels"] else None
        super().__init__(_mapped(folder / f"{split}.uint8", entry["shape"], torch.uint8), labels, entry.get("classes", ()))
        self.folder = folder
        self.broken: list[str] = entry["broken"]
        self.faults: dict[str, int] = entry.get("faults", {})
        self.source = SourceFacts(**entry["source"]) if entry.get("source") else None  # not in arrays of versions before 0.3
        self.hashes: dict[str, str] = entry["sha256"]

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The manifest's hashes."""
        return {"sha256": self.hashes}


def find(data: "Data", split: str) -> Prepared | None:
    """Return the prepared images of a split ("train" or "held_out"), or None if there are none."""
    if data.prepared is None or data.recipe is None:
        return None
    folder = place(data.prepared, data)
    manifest = read(folder)
    if manifest is None:
        return None
    if data.stamp not in (None, manifest["stamp"]):
        raise InputError(f"the images have changed since '{folder}' was made from them: {AGAIN}")
    entry = manifest["splits"][split]
    if getattr(data, "strict", False) and entry["broken"]:
        raise InputError(f"data.strict=true, but '{entry['broken'][0]}' is broken and not in '{folder}': replace or remove it")
    return Prepared(folder, split, entry)


def place(root: str | Path, data: "Data") -> Path:
    """Return the folder of the arrays of ``data``; each recipe has its own."""
    recipe = data.recipe or {}
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    name = re.sub(r"[^\w.-]+", "_", recipe["name"])
    size = "x".join(map(str, data.shape[1:])) if isinstance(data.image_size, list) else data.image_size
    return Path(root).expanduser() / f"{name}-{size}-{digest[:8]}"


def read(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of finished arrays, or None if there are none."""
    path = folder / "manifest.json"
    if not path.is_file():
        return None
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        whole = {"stamp", "date"} <= manifest.keys() and manifest["splits"].keys() == {"train", "held_out"}
        whole = whole and all(map(_is_entry, manifest["splits"].values()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(path) from error
    if not whole:
        raise _damaged(path)
    return manifest


def _is_entry(entry: dict[str, Any]) -> bool:
    """Return whether an entry holds all that is read of it, each of its kind."""
    texts = [*entry["broken"], *(entry["sha256"][kind] for kind in ("uint8", "int64"))]
    return (
        len(entry["shape"]) == 4
        and all(type(size) is int and size > 0 for size in entry["shape"])
        and all(isinstance(text, str) for text in texts)
        and isinstance(entry["broken"], list)
        and isinstance(entry["labels"], bool)
    )


def verify(folder: Path, manifest: dict[str, Any]) -> None:
    """Check every byte against the manifest's hashes."""
    for split, entry in manifest["splits"].items():
        for kind in ("uint8", "int64"):
            path = folder / f"{split}.{kind}"
            if not path.is_file() or sha256(path) != entry["sha256"][kind]:
                raise _damaged(path)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mapped(path: Path, shape: list[int], dtype: torch.dtype) -> Tensor:
    """Map a file as a tensor: its bytes are read on access, and writes to it stay in memory."""
    if not path.is_file() or path.stat().st_size != math.prod(shape) * dtype.itemsize:
        raise _damaged(path)
    return torch.from_file(str(path), shared=False, size=math.prod(shape), dtype=dtype).view(shape)


def _damaged(path: Path) -> InputError:
    return InputError(f"'{path}' is damaged or missing: delete '{path.parent}', then {AGAIN}")
