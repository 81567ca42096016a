"""Sources of images to judge: a generator, a data set, or files made elsewhere."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor, to_pil_image

from gan_lab.data.decode import MODES, decode, fit
from gan_lab.data.files import Images
from gan_lab.data.pixels import is_image, to_uint8, to_unit
from gan_lab.data.sampler import shuffled
from gan_lab.data.store import has_colours, open_store
from gan_lab.errors import InputError

if TYPE_CHECKING:
    from gan_lab.data.module import Data
    from gan_lab.model.gan import GAN

Batches = Iterator[tuple[Tensor, Tensor | None]]


class Source(Protocol):
    """A set of images, by number."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image, (C, H, W), or of a point, (2, 1, 1)."""

    @property
    def fingerprint(self) -> dict[str, Any] | None:
        """Plain data that changes with every pixel; None: it cannot be told without reading all."""

    def __len__(self) -> int:
        """Return the number of images."""

    def batches(self, indices: Sequence[int], size: int) -> Batches:
        """Yield images, uint8 (n, C, H, W) or float points (n, 2, 1, 1), and labels (n,) or None, ``size`` at a time."""


def look(source: Source, indices: Sequence[int]) -> Tensor:
    """Return the images of these numbers, in [-1, 1]."""
    images = torch.cat([images for images, _ in source.batches(indices, len(indices))])
    return to_unit(images) if images.dtype == torch.uint8 else images


def must_fit(shape: tuple[int, ...], reference: tuple[int, ...], path: Path) -> None:
    """Refuse to compare images of one shape with those of another that lie at ``path``."""
    if shape != reference:
        ours, theirs = ("x".join(map(str, it)) for it in (shape, reference))
        resize = f"[{shape[1]},{shape[2]}]" if len(set(shape[1:])) > 1 else shape[-1]
        remedy = "compare images of one size" + (f" (resize={resize})" if shape[0] == reference[0] else "")
        raise InputError(f"'{path}' is of images of {theirs}, and {ours} are to be judged: {remedy}")


class Generated:
    """Samples of a GAN: number i is a function of (seed, i), on any batch size and number of processes.

    Args:
        gan: in evaluation mode.
        n: number of samples.
        seed: of their latents.
        ema: by the averaged generator, or by G itself.
        truncation: see `gan_lab.model.base.sampling.Sampling.sample`.
        classes: labels to take in turn; None: all.
    """

    fingerprint = None

    def __init__(
        self,
        gan: "GAN",
        n: int,
        seed: int,
        ema: bool = True,
        truncation: float | None = None,
        classes: Sequence[int | str] | None = None,
    ) -> None:
        self.gan, self.n = gan, n
        self.options: dict[str, Any] = {"seed": seed, "ema": ema, "truncation": truncation, "classes": classes}

    @cached_property
    @torch.inference_mode()
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample."""
        return tuple(self.gan.sample([0], **self.options).shape[1:])

    def __len__(self) -> int:
        """Return the number of images."""
        return self.n

    @torch.inference_mode()
    def batches(self, indices: Sequence[int], size: int) -> Batches:
        """Yield samples and the labels that they were asked for, the classes in turn."""
        for start in range(0, len(indices), size):
            rows = list(indices[start : start + size])
            images = self.gan.sample(rows, **self.options)
            labels = self.gan.labels(rows, self.options["classes"])
            yield quantised(images).cpu(), None if labels is None else labels.cpu()


class Reals:
    """The training set or the held-out set of data, neither flipped nor dequantised.

    Args:
        data: set up.
        split: "train" or "held_out".
        n: of a number of them, the same in every run; None: all.
    """

    def __init__(self, data: "Data", split: str, n: int | None = None) -> None:
        self.data, self.split = data, split
        self.dataset = data.train_set if split == "train" else data.held_out_set
        self.shape = tuple(data.shape)
        total = len(self.dataset)
        self.rows = list(range(total)) if n is None or n >= total else sorted(shuffled(total)[:n])

    @property
    def fingerprint(self) -> dict[str, Any] | None:
        """Plain data that identifies pixels and number of images."""
        pixels = self.data.fingerprint(self.split)
        return pixels and {"n": len(self.rows), "of": len(self.dataset), **pixels}

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.rows)

    def batches(self, indices: Sequence[int], size: int) -> Batches:
        """Yield images as files would hold them, all else as floats, and labels."""
        for images, y in self.data.batches(self.dataset, [self.rows[i] for i in indices], size):
            yield images if images.dtype == torch.uint8 else quantised(images), y


class Files:
    """Images made elsewhere: a folder or zip of image files, or an .npz with an array ``images`` (N, H, W, C) of uint8.

    Files are decoded as training decodes them, and the next one stands in for a broken one. They are grey if all of them
    are; one with colours makes all colour.

    Args:
        path: of it.
        channels: of the images to compare them with, 4 for colour with alpha: grey files become colour where it is above 1.
        value_range: see `gan_lab.data.decode.decode`.
        size: height and width to scale them to, as training does; None: they are all of one size.
        strict: refuse a broken file.
    """

    fingerprint = None

    def __init__(
        self,
        path: Path,
        channels: int = 1,
        value_range: Sequence[float] | None = None,
        size: Sequence[int] | None = None,
        strict: bool = False,
    ) -> None:
        self.path, self.size = path, size
        if not path.exists():
            raise InputError(f"there is no folder or file '{path}': give one that holds images")
        self.array = _array(path) if path.suffix == ".npz" else None
        if self.array is None:
            store = open_store(path)
            if channels == 1 and has_colours(store):
                channels = 3
            read = partial(decode, channels=channels, size=size, value_range=value_range)
            self.images = Images(store, store.files, read, strict=strict, strict_option="strict")
        self.shape: tuple[int, ...] = tuple(self._read(0).shape)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images if self.array is None else self.array)

    @property
    def lossy(self) -> bool:
        """Whether there are JPEG files, whose artefacts a metric sees."""
        return self.array is None and any(file.lower().endswith((".jpg", ".jpeg")) for file in self.images.files)

    def batches(self, indices: Sequence[int], size: int) -> Batches:
        """Yield images at their own size, without labels."""
        for start in range(0, len(indices), size):
            rows = list(indices[start : start + size])
            yield torch.stack([self._sized(row) for row in rows]), None

    @property
    def broken(self) -> list[str]:
        """Paths of the files that another one stood in for, in this process."""
        return [] if self.array is not None else self.images.broken

    def _sized(self, index: int) -> Tensor:
        """Return an image; refuse one of another size than the first."""
        image = self._read(index)
        if tuple(image.shape) != self.shape:
            first, this = ("x".join(map(str, shape)) for shape in (self.shape, image.shape))
            file = self.images.files[index]
            raise InputError(f"'{self.path}' mixes images of {first} and of {this} ('{file}'): give resize=SIZE")
        return image

    def _read(self, index: int) -> Tensor:
        if self.array is None:
            return self.images[index][0]
        return self.array[index] if self.size is None else _scaled(self.array[index], self.size)


def quantised(images: Tensor) -> Tensor:
    """Quantise images to uint8, as files would hold them; points stay as they are."""
    return to_uint8(images) if is_image(images) else images.float()


def is_statistics(path: Path) -> bool:
    """Tell whether a file is an .npz with mu and sigma."""
    if path.suffix != ".npz" or not path.is_file():
        return False
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {"mu", "sigma"} <= set(arrays.files)
    except Exception as error:  # a damaged zip file fails in many ways
        raise InputError(f"'{path}' is broken or no .npz of arrays") from error


def _array(path: Path) -> Tensor:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images = arrays["images" if "images" in arrays else arrays.files[0]]
    except Exception as error:  # a damaged zip file fails in many ways
        raise InputError(f"'{path}' is broken or no .npz of arrays") from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in MODES:
        raise InputError(f"'{path}' holds {images.dtype} {images.shape}: images must be uint8 (N, H, W, 1, 3 or 4)")
    if not len(images):
        raise InputError(f"'{path}' holds no images: give one that does")
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def _scaled(image: Tensor, size: Sequence[int]) -> Tensor:
    """Scale uint8 (C, H, W) as `decode` scales a file."""
    return pil_to_tensor(fit(to_pil_image(image), size, "lanczos"))


def stamp_of(path: Path) -> str:
    """Return a hash that changes when a file, or one in a folder, is added, removed or written anew: of sizes and times."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    facts = {str(file.relative_to(path)): (stat.st_size, stat.st_mtime_ns) for file in files for stat in [file.stat()]}
    return digest(facts)


def digest(content: dict[str, Any]) -> str:
    """Hash plain data to 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]
