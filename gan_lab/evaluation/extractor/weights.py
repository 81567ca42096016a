"""Weights of extractors: by what they are known, where they come from, and in which precision they work."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import torch
from filelock import FileLock
from hydra.utils import get_object
from torch import Tensor

from gan_lab.errors import InputError

PATIENCE = 4
"""Seconds in which the server of a download answers, or is taken for out of reach."""


def check(choices: Mapping[str, Any] | None) -> None:
    """Refuse a configuration of extractors whose weights are neither there nor within reach: seconds, whatever the data.

    Args:
        choices: name -> ``_target_`` and arguments; None: no extractor.
    """
    for choice in (choices or {}).values():
        if refuse := getattr(get_object(choice["_target_"]), "check", None):  # one of a user's own may have none
            refuse(**{name: value for name, value in choice.items() if name != "_target_"})


def sha256(state: Mapping[str, Tensor]) -> str:
    """Hash all names, types, shapes and values of weights, in hexadecimal, whatever file they lie in."""
    found = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        found.update(tensor.numpy().tobytes())
    return found.hexdigest()


def committed(path: Path, sha256: str) -> bytes:
    """Read a file of weights that comes with gan_lab; refuse any other content."""
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"{path} is missing or damaged: reinstall gan_lab, or choose metric=none")
    return content


def fetch(url: str, path: Path, hash_prefix: str | None = None) -> Path:
    """Download to a temporary name, check the hash, rename; one process does it while others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.is_file():
            reach(url)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=hash_prefix)
    return path


def reach(url: str) -> None:
    """Raise an OSError unless a server answers soon; torch would wait for minutes where a firewall swallows its words."""
    with urlopen(url, timeout=PATIENCE):  # noqa: S310  one of our own addresses
        pass


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Compute in true float32: neither autocast nor TF32, and deterministic cuDNN algorithms."""
    former = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with (
            torch.autocast(device.type, enabled=False),
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(former)


def locate(name: str, weights: str | None, find: Callable[[], Path]) -> Path:
    """Return the file of an extractor's weights: the one that is given, else the one that ``find`` finds in torch's folder.

    Raises:
        InputError: there is none.
    """
    if weights is None:
        return find()
    if not (path := Path(weights).expanduser()).is_file():
        raise InputError(
            f"extractor.{name}.weights='{path}' does not exist: give the file, or null for the one in torch's folder"
        )
    return path
