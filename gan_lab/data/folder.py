"""A folder tree of image files."""

import hashlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2.functional import pil_to_tensor

from gan_lab.data.module import Data
from gan_lab.errors import InputError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
MODES = {1: "L", 3: "RGB"}  # PIL's names of what the channels make


class ImageFolder(Data):
    """The images below a folder; if all lie in subfolders, those of the first level are their classes.

    Args:
        root: the folder.
        held_out_root: another one, with the same classes, to judge by; None holds out a part of ``root``.
        held_out_fraction: that part.
        channels: 1 makes grey images, 3 colour.
        image_size: of the squares that the images are made.
        num_classes: number of class folders; None takes no labels.
        batch_size, seed, num_workers, flip, dequantize: see `Data`.
    """

    def __init__(
        self,
        root: str | None,
        held_out_root: str | None = None,
        held_out_fraction: float = 0.1,
        *,
        channels: int,
        image_size: int,
        num_classes: int | None,
        batch_size: int,
        seed: int,
        num_workers: int = 0,
        flip: bool = False,
        dequantize: bool = False,
    ) -> None:
        if root is None:
            raise InputError("data=image_folder needs a folder of images: give data.root=FOLDER")
        if channels not in MODES:
            raise InputError(f"data.channels={channels} cannot be read from image files: use 1 (grey) or 3 (colour)")
        if not 0 < held_out_fraction < 1:
            raise InputError(f"data.held_out_fraction={held_out_fraction} must lie between 0 and 1: use 0.1")
        super().__init__(
            self._train,
            self._held_out,
            channels=channels,
            image_size=image_size,
            num_classes=num_classes,
            batch_size=batch_size,
            seed=seed,
            num_workers=num_workers,
            flip=flip,
            dequantize=dequantize,
        )
        self.root = Path(root).expanduser()
        self.held_out_root = None if held_out_root is None else Path(held_out_root).expanduser()
        self.held_out_fraction = held_out_fraction

    @cached_property
    def _files(self) -> list[Path]:
        return find_images(self.root)

    @cached_property
    def _classes(self) -> list[str]:
        return [] if self.num_classes is None else class_names(self._files)

    @cached_property
    def _held_out_files(self) -> set[Path]:
        """The part of ``root`` that is held out."""
        return hold_out(self._files, self.held_out_fraction) if self.held_out_root is None else set()

    def _train(self) -> "Images":
        return self._images(self.root, [file for file in self._files if file not in self._held_out_files])

    def _held_out(self) -> "Images":
        if self.held_out_root is None:
            return self._images(self.root, sorted(self._held_out_files))
        files = find_images(self.held_out_root)
        if self._classes and self._classes != class_names(files):
            raise InputError(
                f"the class folders of '{self.held_out_root}' are not those of '{self.root}': make them the same, or use "
                "data.num_classes=null"
            )
        return self._images(self.held_out_root, files)

    def _images(self, root: Path, files: list[Path]) -> "Images":
        return Images(root, files, self._classes, self.channels, self.image_size)


class Images(Dataset[tuple[Tensor, int | None]]):
    """Image files, each read when it is asked for.

    Args:
        root: the folder.
        files: paths in it.
        classes: names of the folders on its first level, in the order of their labels; none: no labels.
        channels: 1 or 3.
        image_size: height and width.
    """

    def __init__(self, root: Path, files: list[Path], classes: list[str], channels: int, image_size: int) -> None:
        self.root, self.files, self.classes = root, files, classes
        self.channels, self.image_size = channels, image_size

    def __len__(self) -> int:
        """Number of files."""
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int | None]:
        """Image, uint8 (C, H, W), and label."""
        file = self.files[index]
        label = self.classes.index(file.parts[0]) if self.classes else None
        return read(self.root / file, self.channels, self.image_size), label


def find_images(root: Path) -> list[Path]:
    """The image files below a folder, relative to it, sorted.

    Hidden ones, links to folders and links that leave the folder are passed over.
    """
    if not root.is_dir():
        raise InputError(f"there is no folder '{root}': set data.root or data.held_out_root to a folder of images")
    root = root.resolve()
    files = sorted(path.relative_to(root) for path in root.rglob("*") if _is_image(path, root))
    if not files:
        raise InputError(
            f"the folder '{root}' holds no images ({', '.join(EXTENSIONS)}); hidden files and links that leave it do not count"
        )
    for file in files:
        if not (root / file).stat().st_size:
            raise BrokenImage.at(root / file)
    return files


def _is_image(path: Path, root: Path) -> bool:
    if path.suffix.lower() not in EXTENSIONS or any(part.startswith(".") for part in path.relative_to(root).parts):
        return False
    return path.is_file() and (not path.is_symlink() or path.resolve().is_relative_to(root))


def class_names(files: Iterable[Path]) -> list[str]:
    """The folders on the first level, if all files lie in some, else none."""
    if any(len(file.parts) == 1 for file in files):
        return []
    return sorted({file.parts[0] for file in files})


def hold_out(files: list[Path], fraction: float) -> set[Path]:
    """A part of the files, by the hashes of their paths: who removes a file leaves the others where they were."""
    if len(files) < 2:
        raise InputError(f"'{files[0]}' is the only image: there must be one to train on and one to hold out")
    shuffled = sorted(files, key=lambda file: hashlib.blake2b(file.as_posix().encode()).digest())
    return set(shuffled[: min(max(1, round(len(files) * fraction)), len(files) - 1)])


def read(path: Path, channels: int, image_size: int) -> Tensor:
    """An image file as uint8 (C, H, W): upright, its short side scaled to ``image_size`` (Lanczos), its middle cropped."""
    try:
        with Image.open(path) as image:
            plain = _plain(ImageOps.exif_transpose(image)).convert(MODES[channels])
    except Exception as error:  # decoders raise almost anything
        raise BrokenImage.at(path) from error
    return pil_to_tensor(ImageOps.fit(plain, (image_size, image_size), Image.Resampling.LANCZOS))


def _plain(image: Image.Image) -> Image.Image:
    """8 bits and opaque: 16 bits are scaled, which PIL would clip at 255; what is transparent shows white."""
    if image.mode == "F":
        raise ValueError("the range of floating-point pixels is not known")
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


class BrokenImage(InputError):
    """A file that is no image, or not a whole one."""

    def __init__(self, message: str) -> None:
        # a worker of the DataLoader makes the error anew from its traceback, which ends in the sentence
        super().__init__(message.rstrip().rpartition("BrokenImage: ")[2])

    @classmethod
    def at(cls, path: Path) -> "BrokenImage":
        """The error that names a file."""
        return cls(f"the image '{path}' is broken or of an unknown kind: replace or remove it")
