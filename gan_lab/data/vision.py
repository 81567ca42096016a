"""The data sets that torchvision reads into memory; its readers, downloads and hashes do the work."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from filelock import FileLock
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from gan_lab.data.arrays import Arrays
from gan_lab.data.files import MODES
from gan_lab.data.module import Data, Options
from gan_lab.errors import InputError


class Vision(Data):
    """A data set of torchvision; a new one is one yaml, as conf/data/cifar10.yaml.

    Args:
        dataset: torchvision's class, called with ``root``, with the arguments of a split and, if need be, ``download=True``.
        train: arguments of the split to train on.
        held_out: arguments of the split to judge by.
        root: the folder in which its files lie.
        files: their paths in it, and ``url``, their source: for the sentence that says what is missing.
        url: see ``files``.
        download: fetch what is missing.
        padding: black pixels at each side, which make MNIST's 28 a power of two; none where ``image_size`` is the images' own.
        options: see `Data`. Images of another ``image_size`` are scaled as those of an image folder are.
    """

    def __init__(
        self,
        dataset: Callable[..., Any],
        train: Mapping[str, Any],
        held_out: Mapping[str, Any],
        *,
        root: str,
        files: Iterable[str],
        url: str,
        download: bool,
        padding: int = 0,
        **options: Unpack[Options],
    ) -> None:
        if options["channels"] not in MODES:
            raise InputError(f"data.channels={options['channels']} cannot be made of these images: use 1 (grey) or 3 (colour)")
        super().__init__(partial(self._read, train), partial(self._read, held_out), **options)
        self.dataset, self.splits = dataset, {"train": dict(train), "held_out": dict(held_out)}
        self.root, self.files, self.url = Path(root).expanduser(), list(files), url
        self.download, self.padding = download, padding

    @property
    def recipe(self) -> dict[str, Any]:
        """The splits and the form of the images; torchvision fixes the files by their hashes."""
        name = getattr(self.dataset, "func", self.dataset).__name__
        form = {"channels": self.channels, "image_size": self.image_size, "padding": self.padding}
        return {"name": name, **self.splits, **form}

    def _read(self, split: Mapping[str, Any]) -> Arrays:
        return arrays(self._open(split), self.channels, self.image_size, self.padding)

    def _open(self, split: Mapping[str, Any]) -> Any:
        """The data set, downloaded if need be; one process downloads, the others wait."""
        try:
            return self.dataset(root=self.root, **split)
        except Exception as error:  # what torchvision's readers raise has no common base
            if not self.download:
                raise self._complaint(error) from error
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.root}.lock"):
                return self.dataset(root=self.root, download=True, **split)
        except Exception as error:  # nor has what sockets, disks and archives raise
            raise self._complaint(error) from error

    def _complaint(self, error: Exception) -> InputError:
        """What is wrong with the files, and how to mend it."""
        missing = [file for file in self.files if not (self.root / file).exists()]
        reason = " ".join(str(error).split()).rstrip(".")
        if not missing:
            return InputError(
                f"'{self.root}' cannot be read ({reason}): if {' or '.join(self.files)} is damaged or incomplete, remove it "
                f"and give data.download=true, or put it there from {self.url}"
            )
        remedy = f"the download failed ({reason}): try again" if self.download else "give data.download=true"
        return InputError(f"'{self.root}' lacks {', '.join(missing)}; {remedy}, or put them there from {self.url}")


def arrays(dataset: Any, channels: int, image_size: int, padding: int) -> Arrays:
    """The images and labels of a torchvision data set, in the form that is asked for.

    Args:
        dataset: has ``data``, uint8 (N, H, W), (N, H, W, C) or (N, C, H, W), and ``targets`` or ``labels``.
        channels: 1 makes grey images, 3 colour.
        image_size: of the squares that the images are made.
        padding: see `Vision`.
    """
    images = _channels_first(torch.as_tensor(dataset.data))
    if padding and images.shape[-1] != image_size:
        images = F.pad(images, (padding,) * 4)
    if images.shape[1:] != (channels, image_size, image_size):
        images = _converted(images, channels, image_size)
    labels = torch.as_tensor(dataset.targets if hasattr(dataset, "targets") else dataset.labels).long()
    return Arrays(images.contiguous(), None if (labels < 0).any() else labels)  # torchvision's -1: no label


def _channels_first(images: Tensor) -> Tensor:
    if images.ndim == 3:
        return images[:, None]
    return images.movedim(-1, 1) if images.shape[-1] in MODES else images


def _converted(images: Tensor, channels: int, image_size: int) -> Tensor:
    """Grey or colour, the short side scaled (Lanczos), the middle cropped; one image after another, so in little memory."""
    done = torch.empty(len(images), channels, image_size, image_size, dtype=torch.uint8)
    for image, out in zip(images, done, strict=True):
        picture = Image.fromarray(image.movedim(0, -1).squeeze(-1).numpy()).convert(MODES[channels])
        fitted = ImageOps.fit(picture, (image_size, image_size), Image.Resampling.LANCZOS)
        out.copy_(torch.from_numpy(np.array(fitted)).view(image_size, image_size, channels).movedim(-1, 0))
    return done
