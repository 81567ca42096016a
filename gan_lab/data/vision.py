"""Data sets that torchvision downloads, checks and reads into memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import torch
from filelock import FileLock
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2.functional import pil_to_tensor

from gan_lab.data.arrays import Arrays
from gan_lab.data.decode import FILTERS, MODES, fit
from gan_lab.data.folder import changed, check_channels
from gan_lab.data.module import Data, Options
from gan_lab.data.survey import SourceFacts
from gan_lab.errors import InputError, pick
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
        resize: resampling filter, a key of `gan_lab.data.decode.FILTERS`.
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
        resize: str = "lanczos",
        **options: Unpack[Options],
    ) -> None:
        check_channels(options["channels"])
        pick(FILTERS, resize, "data.resize")
        super().__init__(partial(self._read, train), partial(self._read, held_out), **options)
        self.dataset, self.splits = dataset, {"train": dict(train), "held_out": dict(held_out)}
        self.root, self.files, self.url = Path(root).expanduser(), list(files), url
        self.download, self.padding, self.resize = download, padding, resize

    @property
    def recipe(self) -> dict[str, Any]:
        """The splits and the image format; torchvision pins the files by their hashes."""
        name = getattr(self.dataset, "func", self.dataset).__name__
        form = {"channels": self.channels, "image_size": self.image_size, "padding": self.padding}
        return {"name": name, **self.splits, **form, **changed(resize=(self.resize, "lanczos"))}

    def _read(self, split: Mapping[str, Any]) -> Arrays:
        return arrays(self._open(split), self.shape, self.padding, self.resize)

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


def arrays(dataset: Any, shape: Sequence[int], padding: int = 0, resize: str = "lanczos") -> Arrays:
    """Return the images and labels of a torchvision data set in the requested format.

    Args:
        dataset: has ``data``, uint8 (N, H, W), (N, H, W, C) or (N, C, H, W), and ``targets`` or ``labels``; may have
            ``classes``, the names of the labels.
        shape: channels (1 for grey images, 3 for colour, 4 with alpha), height and width of the result.
        padding: see `Vision`.
        resize: see `Vision`.
    """
    images = _channels_first(torch.as_tensor(dataset.data))
    native = images.shape[1:]
    if padding and images.shape[-1] != shape[-1]:
        images = F.pad(images, (padding,) * 4)
    if images.shape[1:] != tuple(shape):
        images = _converted(images, shape, resize)
    labels = torch.as_tensor(dataset.targets if hasattr(dataset, "targets") else dataset.labels).long()
    names = getattr(dataset, "classes", ())
    made = Arrays(images.contiguous(), None if (labels < 0).any() else labels, names)  # torchvision writes -1 for no label
    made.source = SourceFacts(len(images), [[native[2], native[1], len(images)]], {MODES[native[0]]: len(images)})
    return made


def _channels_first(images: Tensor) -> Tensor:
    if images.ndim == 3:
        return images[:, None]
    return images.movedim(-1, 1) if images.shape[-1] in MODES else images


def _converted(images: Tensor, shape: Sequence[int], resize: str) -> Tensor:
    """Convert the colours, scale until the size is covered and crop the centre, one image at a time to save memory."""
    done = torch.empty(len(images), *shape, dtype=torch.uint8)
    for image, out in zip(images, done, strict=True):
        picture = Image.fromarray(image.movedim(0, -1).squeeze(-1).numpy()).convert(MODES[shape[0]])
        out.copy_(pil_to_tensor(fit(picture, shape[1:], resize)))
    return done
