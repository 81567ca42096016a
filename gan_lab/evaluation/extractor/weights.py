"""Weights of extractors: by what they are known, where they come from, and in which precision they work.

Nothing heavy is imported here: a run whose weights are missing says so before it waits for torch.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from filelock import FileLock
from hydra.utils import get_object
from omegaconf import OmegaConf

from gan_lab.cli.options import validate
from gan_lab.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

PATIENCE = 4
"""Seconds in which the server of a download answers, or is taken for out of reach."""


def check(choices: Mapping[str, Any] | None, hook: str = "check") -> None:
    """Refuse a configuration of extractors whose weights cannot be had: seconds, whatever the data.

    Args:
        choices: name -> ``_target_`` and arguments; None: no extractor.
        hook: the method of `Extractor` that refuses: ``check`` fetches what is missing, ``check_reach`` does not.
    """
    for choice in (choices or {}).values():
        if refuse := getattr(get_object(choice["_target_"]), hook, None):  # one of a user's own may have none
            refuse(**{name: value for name, value in choice.items() if name != "_target_"})


def check_reach(cfgs: Iterable[Mapping[str, Any]]) -> None:
    """Refuse configurations by whose extractors no weights are within reach, before their other parts are imported."""
    checked: list[Any] = []
    for cfg in cfgs:
        choices = cfg.get("extractor") if cfg.get("metric") else None
        if choices and choices not in checked:
            validate(OmegaConf.create(choices), prefix="extractor.")
            check(choices, "check_reach")
            checked.append(choices)


def hub_folder() -> Path:
    """Return where torch keeps weights: the checkpoints of ``torch.hub.get_dir()``, without waiting for torch."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "torch")
    return Path(home, "hub", "checkpoints").expanduser()


def sha256(state: "Mapping[str, Tensor]") -> str:
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
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.is_file():
            reach(url)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=hash_prefix)
    return path


def promised(url: str, path: Path, hash_prefix: str | None = None) -> Path:
    """Return where `fetch` will put a file, if its server answers."""
    reach(url)
    return path


def reach(url: str) -> None:
    """Raise an OSError unless a server answers soon; torch would wait for minutes where a firewall swallows its words."""
    with urlopen(url, timeout=PATIENCE):  # noqa: S310  one of our own addresses
        pass


@contextmanager
def full_precision(device: "torch.device") -> Iterator[None]:
    """Compute in true float32: neither autocast nor TF32, and deterministic cuDNN algorithms."""
    import torch

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
