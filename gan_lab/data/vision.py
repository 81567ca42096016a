"""Data sets that torchvision downloads, checks and reads into memory."""

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
from gan_lab.data.decode import MODES
from gan_lab.data.module import Data, Options
from gan_lab.errors import InputError
from gan_lab.ranges import Text, Whole


class Vision(Data):
    """A torchvision data set; a new one needs one yaml, such as conf/data/cifar10.yaml.

    Args:
        dataset: torchvision's class, called with ``root``, the arguments of a split and, if necessary, ``download=True``.
        train: arguments of the training split.
        held_out: arguments of the held-out split.
        root: folder of the data set's files.
        files: paths of the files below ``root``, named in the error if one is missing.
        url: source of the files, named in the same error.
        download: download missing files.
        padding: black pixels on each side, which bring MNIST's 28 to 32; ignored if ``image_size`` is the native size.
        options: see `Data`; images are scaled to ``image_size`` as those of an image folder are.
    """

    def __init__(
        self,
        dataset: Callable[..., Any],
        train: Mapping[str, Any],
        held_out: Mapping[str, Any],
        *,
        root: Text,
        files: Iterable[str],
        url: Text,
        download: bool,
        padding: Whole = 0,
        **options: Unpack[Options],
    ) -> None:
        if options["channels"] not in MODES:
            raise InputError(f"data.channels={options['channels']} is not possible for images: use 1 (grey) or 3 (colour)")
        super().__init__(partial(self._read, train), partial(self._read, held_out), **options)
        self.dataset, self.splits = dataset, {"train": dict(train), "held_out": dict(held_out)}
        self.root, self.files, self.url = Path(root).expanduser(), list(files), url
        self.download, self.padding = download, padding

    @property
    def recipe(self) -> dict[str, Any]:
        """The splits and the image format; torchvision pins the files by their hashes."""
        name = getattr(self.dataset, "func", self.dataset).__name__
        form = {"channels": self.channels, "image_size": self.image_size, "padding": self.padding}
        return {"name": name, **self.splits, **form}

    def _read(self, split: Mapping[str, Any]) -> Arrays:
        return arrays(self._open(split), self.channels, self.image_size, self.padding)

    def _open(self, split: Mapping[str, Any]) -> Any:
        """Open a split, downloading it first if necessary; one process downloads while the others wait."""
        try:
            return self.dataset(root=self.root, **split)
        except Exception as error:  # torchvision's readers have no common exception
            if not self.download:
                raise self._complaint(error) from error
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.root}.lock"):
                return self.dataset(root=self.root, download=True, **split)
        except Exception as error:  # nor have sockets, disks and archives
            raise self._complaint(error) from error

    def _complaint(self, error: Exception) -> InputError:
        """Return an error that names the missing or damaged files and the remedy."""
        missing = [file for file in self.files if not (self.root / file).exists()]
        reason = " ".join(str(error).split()).rstrip(".")
        if not missing:
            return InputError(
                f"'{self.root}' cannot be read ({reason}): if {' or '.join(self.files)} is damaged or incomplete, remove it "
                f"and give data.download=true, or replace it with the one from {self.url}"
            )
        remedy = f"the download failed ({reason}): try again" if self.download else "give data.download=true"
        return InputError(f"'{self.root}' lacks {', '.join(missing)}; {remedy}, or put them there from {self.url}")


def arrays(dataset: Any, channels: int, image_size: int, padding: int) -> Arrays:
    """Return the images and labels of a torchvision data set in the requested format.

    Args:
        dataset: has ``data``, uint8 (N, H, W), (N, H, W, C) or (N, C, H, W), and ``targets`` or ``labels``.
        channels: 1 for grey images, 3 for colour.
        image_size: height and width of the result.
        padding: see `Vision`.
    """
    images = _channels_first(torch.as_tensor(dataset.data))
    if padding and images.shape[-1] != image_size:
        images = F.pad(images, (padding,) * 4)
    if images.shape[1:] != (channels, image_size, image_size):
        images = _converted(images, channels, image_size)
    labels = torch.as_tensor(dataset.targets if hasattr(dataset, "targets") else dataset.labels).long()
    return Arrays(images.contiguous(), None if (labels < 0).any() else labels)  # torchvision writes -1 for no label


def _channels_first(images: Tensor) -> Tensor:
    if images.ndim == 3:
        return images[:, None]
    return images.movedim(-1, 1) if images.shape[-1] in MODES else images


def _converted(images: Tensor, channels: int, image_size: int) -> Tensor:
    """Convert the colours, scale the short side (Lanczos) and crop the centre, one image at a time to save memory."""
    done = torch.empty(len(images), channels, image_size, image_size, dtype=torch.uint8)
    for image, out in zip(images, done, strict=True):
        picture = Image.fromarray(image.movedim(0, -1).squeeze(-1).numpy()).convert(MODES[channels])
        fitted = ImageOps.fit(picture, (image_size, image_size), Image.Resampling.LANCZOS)
        out.copy_(torch.from_numpy(np.array(fitted)).view(image_size, image_size, channels).movedim(-1, 0))
    return done
