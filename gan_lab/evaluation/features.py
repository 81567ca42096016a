"""Images -> features: by one process or by many, those of real images once for all runs."""

import json
import math
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from gan_lab import __version__, atomic
from gan_lab.cli.words import count
from gan_lab.errors import InputError
from gan_lab.evaluation.inputs import Features
from gan_lab.evaluation.moments import Moments, Sums, merged
from gan_lab.evaluation.processes import everyone, gathered, process
from gan_lab.evaluation.source import Source, digest, must_fit

if TYPE_CHECKING:
    from gan_lab.evaluation.extractor import Extractor

KEPT = 50_000
"""Images of a set whose features are kept; of a larger set the first, beside the moments of all."""

QUANTISER = "uint8, clamp to [-1, 1], round((x + 1) * 127.5)"

Advance = Callable[[int], None]


class FeatureCollector:
    """Gather features of one set of images, batch by batch, from all processes.

    Process r of W must add images r, r + W, r + 2W, ... in this order. Of more than `KEPT` images the first are kept beside the
    moments of all.

    Args:
        extractor: on the device.
        device: of the extractor.
    """

    def __init__(self, extractor: "Extractor", device: torch.device) -> None:
        self.extractor, self.device = extractor, device
        self.rows: tuple[list[Tensor], ...] = ([], [], [])  # features, logits, labels
        self.n, self.room = 0, -(-KEPT // process()[1])
        self.sums: Sums | None = None

    @torch.no_grad()
    def add(self, images: Tensor, labels: Tensor | None = None) -> None:
        """Add uint8 images or float points, and their labels (n,) if they have any."""
        features, logits = self.extractor(images.to(self.device))
        features = features.flatten(1).to(stats_device(self.device))
        self.n += len(features)
        if self.n > self.room and self.sums is None:
            self.sums = Sums(features.shape[1], features.device)
            for part in self.rows[0]:
                self.sums.add(part)
        if self.sums is not None:
            self.sums.add(features)
        keep = self.room - sum(map(len, self.rows[0]))
        for kept, found in zip(self.rows, (features, logits, labels), strict=True):
            if found is not None and keep > 0:
                kept.append(found[:keep].to(features.device))

    @torch.inference_mode(False)  # a metric may want gradients, which inference tensors cannot have
    @torch.no_grad()
    def result(self, source: Source | None = None) -> Features:
        """Return the features of all processes in the order of the images; each of them must call it."""
        counts = everyone(self.n)
        if not all(counts):
            raise InputError(f"there is no image to judge in {counts.count(0)} of {count(len(counts), 'process')}")
        n = sum(counts)
        features, logits, labels = (gathered(torch.cat(kept), min(n, KEPT)) if kept else None for kept in self.rows)
        assert features is not None
        return Features(features, logits, labels, None if n <= KEPT else self._all_moments(), source)

    def _all_moments(self) -> Moments:
        own = self.sums.moments() if self.sums else Moments.of(torch.cat(self.rows[0]))
        parts = everyone((own.n, own.mean.cpu(), own.covariance.cpu()))
        if len(parts) == 1:
            return own
        whole = merged([Moments(*part) for part in parts])
        return Moments(whole.n, whole.mean.to(own.mean.device), whole.covariance.to(own.mean.device))


def extract(source: Source, extractor: "Extractor", batch_size: int, device: torch.device, advance: Advance) -> Features:
    """Return the features of all images of a source, in order; every process must call it.

    Args:
        source: of the images.
        extractor: on the device.
        batch_size: of one process.
        device: of the extractor.
        advance: told how many images this process has done.
    """
    collector, (rank, world_size) = FeatureCollector(extractor, device), process()
    for images, labels in source.batches(range(rank, len(source), world_size), batch_size):
        collector.add(images, labels)
        advance(len(images))
    return collector.result(source)


def stats_device(device: torch.device) -> torch.device:
    """Return the device for features and moments: MPS has no float64."""
    return torch.device("cpu") if device.type == "mps" else device


# ----- real ones, once for all runs --------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Return ``$GAN_LAB_CACHE``, or ``~/.cache/gan_lab``."""
    return Path(os.environ.get("GAN_LAB_CACHE") or Path("~/.cache/gan_lab").expanduser())


def protocol(source: Source, extractor: "Extractor") -> dict[str, Any]:
    """Return all that decides the features of a source, as plain data."""
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


def cached(source: Source, extractor: "Extractor", batch_size: int, device: torch.device, advance: Advance) -> Features:
    """Do as `extract`, reading from the cache folder what has been made before; processes wait for each other."""
    key, (rank, world_size) = protocol(source, extractor), process()
    if key["source"] is None:
        return extract(source, extractor, batch_size, device, advance)
    path = cache_folder() / "reals" / f"{extractor.name}-{digest(key)}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock") if rank == 0 else nullcontext():
        found = _read(path, source, device) if path.is_file() else None
        if all(everyone(found is not None)) and found is not None:
            advance(-(-len(source) // world_size))
            return found
        found = extract(source, extractor, batch_size, device, advance)
        if rank == 0:
            _write(path, found, key)
        everyone(True)  # nobody looks for the file before it is there
    return found


def _write(path: Path, found: Features, key: dict[str, Any]) -> None:
    arrays = {"features": found.features, "logits": found.logits, "labels": found.labels}
    there = {name: array.cpu().numpy() for name, array in arrays.items() if array is not None}
    write_statistics(path, found.moments, key, **there)


def _read(path: Path, source: Source, device: torch.device) -> Features | None:
    """Read from the cache; None when the file is damaged, to be made again."""
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
    """Write ``mu`` and ``sigma``, as the usual tools read them, ``n``, and the protocol as JSON; whole or not at all."""
    mu, sigma = moments.mean.cpu().numpy(), moments.covariance.cpu().numpy()
    with atomic.replacing(path) as partial:
        np.savez(partial, mu=mu, sigma=sigma, n=np.int64(moments.n), protocol=np.str_(json.dumps(key)), **more)


def read_statistics(path: Path, extractor: "Extractor", device: torch.device, shape: tuple[int, ...]) -> Features:
    """Read mean and covariance from an .npz of this or another tool; one of another protocol or image shape is refused."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            mu, sigma = (torch.from_numpy(arrays[name].astype(np.float64, casting="same_kind")) for name in ("mu", "sigma"))
            n = int(arrays["n"]) if "n" in arrays.files else 0
            key = dict((json.loads(str(arrays["protocol"])) if "protocol" in arrays.files else None) or {})
    except Exception as error:
        raise InputError(f"'{path}' holds no statistics: an .npz with mu and sigma is asked for") from error
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
        raise InputError(
            f"'{path}' holds mu of {tuple(mu.shape)} and sigma of {tuple(sigma.shape)}: (d,) and (d, d) are asked for"
        )
    _check_moments(path, mu, sigma)
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


def _check_moments(path: Path, mu: Tensor, sigma: Tensor) -> None:
    """Refuse what is no mean and no covariance; a covariance that was stored as float32 is one."""
    faults = {
        "with values that are no finite number": not (mu.isfinite().all() and sigma.isfinite().all()),
        "with a sigma that is not symmetric": bool((sigma - sigma.T).abs().max() > 1e-5 * sigma.abs().max()),
    }
    if not any(faults.values()):
        variances = torch.linalg.eigvalsh(sigma)
        faults["with a sigma of negative variances"] = bool(variances[0] < -1e-5 * variances[-1].abs())
    for fault, found in faults.items():
        if found:
            raise InputError(f"'{path}' holds statistics {fault}: make it anew, by eval.save_statistics=FILE or its own tool")
