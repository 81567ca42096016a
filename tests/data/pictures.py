"""A data set of text files, whose every reading is noted and may go wrong."""

from functools import partial
from pathlib import Path

import torch
from torch.utils.data import Dataset

from gan_lab.data.module import Data
from gan_lab.errors import InputError

TRAIN, HELD_OUT, BROKEN = range(40), range(40, 52), 7
EVENTS = {}
"""What happens when an image is read: its number -> a function."""


class Pictures(Dataset):
    """Images that lie in a folder as text files, each of which holds a number; reading one is noted in the file ``read``."""

    labels = None
    strict = False

    def __init__(self, root, numbers):
        self.root, self.numbers = root, numbers

    def __len__(self):
        return len(self.numbers)

    def name(self, index):
        return f"{self.numbers[index]}.txt"

    def read(self, index):
        EVENTS.get(self.numbers[index], lambda: None)()
        with self.root.with_name("read").open("a") as file:
            file.write(f"{self.numbers[index]}\n")
        text = (self.root / self.name(index)).read_text()
        if text == "broken":
            raise InputError(f"the image '{self.name(index)}' is broken")
        return torch.full((3, 8, 8), int(text), dtype=torch.uint8)

    def __getitem__(self, index):
        return self.read(index), None


class Source(Data):
    """The pictures of a folder."""

    def __init__(self, root, layout=None, **options):
        self.root = Path(root)
        super().__init__(partial(Pictures, self.root, TRAIN), partial(Pictures, self.root, HELD_OUT), **options)

    @property
    def recipe(self):
        return {"name": "pictures", "image_size": self.image_size}

    @property
    def stamp(self):
        return str(self.root.stat().st_mtime_ns) if self.root.exists() else None


def draw(root):
    """Write the files, one of them broken, and forget what should happen when they are read."""
    EVENTS.clear()
    root.mkdir()
    for number in (*TRAIN, *HELD_OUT):
        (root / f"{number}.txt").write_text("broken" if number == BROKEN else str(number))
