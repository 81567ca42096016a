"""Images -> features: by one process or by many, under a progress bar, real ones once for all runs."""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor, distributed

from gan_lab import __version__, atomic
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import Extractor
from gan_lab.evaluation.metric import Features
from gan_lab.evaluation.moments import Moments, Sums, merged
from gan_lab.evaluation.source import Source, digest, must_fit

KEPT = 50_000
"""Features of a reference that are kept beside the moments of all."""

QUANTISER = "uint8, clamp to [-1, 1], round((x + 1) * 127.5)"

Advance = Callable[[int], None]


@torch.inference_mode()
def extract(source: Source, extractor: Extractor, batch_size: int, device: torch.device, advance: Advance) -> Features:
    """The features of all images of a source, in order, and the moments of all; every process must call it.

    Args:
        source: of the images.
        extractor: on the device.
        batch_size: of one process.
        device: of the extractor.
        advance: told how many images this process has done.
    """
    here = stats_device(device)
    rank, world_size = process()
    mine = range(rank, len(source), world_size)
    features, logits, labels, sums = [], [], [], None
    for images, y in source.batches(mine, batch_size):
        seen, said = extractor(images.to(device))
        seen = seen.flatten(1)
        sums = sums or Sums(seen.shape[1], here)
        sums.add(seen.to(here))
        if sums.n - len(seen) < -(-KEPT // world_size):
            features.append(seen.float().to(here))
            logits += [] if said is None else [said.float().to(here)]
            labels += [] if y is None else [y.to(here)]
        advance(len(images))
    kept = [gathered(torch.cat(parts), min(len(source), KEPT)) if parts else None for parts in (features, logits, labels)]
    if kept[0] is None:
        raise InputError("there is no image to judge")
    return Features(kept[0], kept[1], kept[2], _all(sums, len(source)), source)


def stats_device(device: torch.device) -> torch.device:
    """Where features and moments lie: MPS has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def _all(sums: Sums | None, n: int) -> Moments | None:
    """Moments of more images than are kept, of all processes; None: the features are all there."""
    if n <= KEPT or sums is None:
        return None
    moments = sums.moments()
    parts: list[Any] = [None] * process()[1]
    if len(parts) == 1:
        return moments
    distributed.all_gather_object(parts, (moments.n, moments.mean.cpu(), moments.covariance.cpu()))
    return merged([Moments(*part) for part in parts])


def process() -> tuple[int, int]:
    """(rank, world size)."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


@contextmanager
def processes(device: str) -> Iterator[None]:
    """As one of several processes where torchrun began this one, else alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def gathered(rows: Tensor, n: int) -> Tensor:
    """Rows that processes took in turn, put together in order: the first ``n``."""
    world_size = process()[1]
    if world_size == 1:
        return rows[:n]
    longest = -(-n // world_size)
    padded = torch.cat([rows[:longest], rows.new_zeros(max(longest - len(rows), 0), *rows.shape[1:])])
    parts = [torch.empty_like(padded) for _ in range(world_size)]
    distributed.all_gather(parts, padded)
    return torch.stack(parts, 1).flatten(0, 1)[:n]


# ----- real ones, once for all runs --------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """``$GAN_LAB_CACHE``, or ``~/.cache/gan_lab``."""
    return Path(os.environ.get("GAN_LAB_CACHE") or Path("~/.cache/gan_lab").expanduser())


def protocol(source: Source, extractor: Extractor) -> dict[str, Any]:
    """All that decides the features of a source; without the hash of its images where every one would have to be read."""
    return {
        "version": __version__,
        "kept": KEPT,
        "source": source.fingerprint,
        "shape": list(source.shape),
        "quantiser": QUANTISER,
        "resize": extractor.resize,
        "extractor": extractor.name,
        "weights_sha256": extractor.weights_sha256,
    }


def cached(source: Source, extractor: Extractor, batch_size: int, device: torch.device, advance: Advance) -> Features:
    """The same as `extract`, read from the cache folder where it has been made before; processes wait for each other."""
    key, (rank, world_size) = protocol(source, extractor), process()
    if key["source"] is None:
        return extract(source, extractor, batch_size, device, advance)
    path = cache_folder() / "reals" / f"{extractor.name}-{digest(key)}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock") if rank == 0 else nullcontext():
        found = _read(path, source, device) if path.is_file() else None
        if _everywhere(found is not None) and found is not None:
            advance(-(-len(source) // world_size))
            return found
        found = extract(source, extractor, batch_size, device, advance)
        if rank == 0:
            _write(path, found, key)
        _everywhere(True)  # nobody looks for the file before it is there
    return found


def _everywhere(here: bool) -> bool:
    """Whether it is so in every process; every process must ask."""
    answers: list[Any] = [here] * process()[1]
    if len(answers) > 1:
        distributed.all_gather_object(answers, here)
    return all(answers)


def _write(path: Path, found: Features, key: dict[str, Any]) -> None:
    arrays = {"features": found.features, "logits": found.logits, "labels": found.labels}
    there = {name: array.cpu().numpy() for name, array in arrays.items() if array is not None}
    write_statistics(path, found.moments, key, **there)


def _read(path: Path, source: Source, device: torch.device) -> Features | None:
    """What the cache holds; None when the file is damaged, and is made again."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            parts = {
                name: torch.from_numpy(arrays[name]).to(stats_device(device)) for name in arrays.files if name != "protocol"
            }
        moments = Moments(int(parts["n"]), parts["mu"], parts["sigma"]) if len(source) > len(parts["features"]) else None
        return Features(parts["features"], parts.get("logits"), parts.get("labels"), moments, source)
    except Exception:  # a damaged zip file fails in many ways
        return None


def write_statistics(path: Path, moments: Moments, key: dict[str, Any], **more: Any) -> None:
    """An .npz with ``mu`` and ``sigma``, as the usual tools read it, ``n``, and the protocol as JSON; whole or not at all."""
    mu, sigma = moments.mean.cpu().numpy(), moments.covariance.cpu().numpy()
    with atomic.replacing(path) as partial:
        np.savez(partial, mu=mu, sigma=sigma, n=np.int64(moments.n), protocol=np.str_(json.dumps(key)), **more)


def read_statistics(path: Path, extractor: Extractor, device: torch.device, shape: tuple[int, ...]) -> Features:
    """Mean and covariance from an .npz of this or of another tool; one of another protocol, or image shape, is refused."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            mu, sigma = (torch.from_numpy(arrays[name]).double() for name in ("mu", "sigma"))
            n = int(arrays["n"]) if "n" in arrays.files else 0
            key = dict((json.loads(str(arrays["protocol"])) if "protocol" in arrays.files else None) or {})
    except Exception as error:
        raise InputError(f"'{path}' holds no statistics: an .npz with mu and sigma is asked for") from error
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
        raise InputError(
            f"'{path}' holds mu of {tuple(mu.shape)} and sigma of {tuple(sigma.shape)}: (d,) and (d, d) are asked for"
        )
    if len(mu) != (d := extractor.num_features or math.prod(shape)):
        raise InputError(
            f"'{path}' holds statistics of {len(mu)} features, and {extractor.name} makes {d}: choose the one that made them"
        )
    ours = {"extractor": extractor.name, "weights_sha256": extractor.weights_sha256, "resize": extractor.resize}
    for name, value in ours.items():
        if key.get(name, value) != value:
            raise InputError(f"'{path}' was made with {name}={key[name]}, not {value}: use the same protocol for both")
    if "shape" in key:
        must_fit(shape, tuple(key["shape"]), path)
    moments = Moments(n, mu.to(stats_device(device)), sigma.to(stats_device(device)))
    return Features(torch.empty(0, len(mu), device=stats_device(device)), all_moments=moments)
