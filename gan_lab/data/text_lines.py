"""Lines of text as one-hot characters (C, L): of any file, or of the Python Language Reference that Python carries.

The embedded text is ``pydoc_data.topics``, the sections of the reference that ``help()`` shows (PSF License, version 2): about
10,000 lines of English prose. It differs a little between versions of Python, so compare runs on one version.
"""

import re
from collections.abc import Iterable
from functools import cached_property
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from gan_lab.cli.words import count
from gan_lab.data.arrays import Arrays
from gan_lab.data.module import Data, Options
from gan_lab.data.sampler import shuffled
from gan_lab.errors import InputError
from gan_lab.plot.lines import FIRST, PADDING, UNKNOWN
from gan_lab.ranges import OpenFraction, Size, Text

MAX_CHARACTER = 0x110000
FEWEST = 2
"""Held-out lines."""
LARGE_SHARE = 0.02
"""Share of unknown characters from which on it is pointed out."""


class TextLines(Data):
    """Batches (one-hot characters (N, C, L), None): int16 (N, L) from the loaders, float32 on the device.

    Channel 0 stands for every character outside the vocabulary, channel 1 for what follows the end of a line, the others for
    the characters of the vocabulary; if the text has fewer than C - 2, the last channels stay empty.

    Args:
        root: text file in UTF-8, a sample per line that is not blank; None: the embedded text.
        held_out_root: text file of the held-out lines; None: hold out a part of ``root``.
        held_out_fraction: the part.
        length: L; longer lines are cut (of the embedded text broken between words), shorter ones padded.
        vocabulary: C.
        characters: the vocabulary; None: the most frequent characters of the training lines.
        options: see `Data`.
    """

    def __init__(
        self,
        *,
        root: Text | None = None,
        held_out_root: Text | None = None,
        held_out_fraction: OpenFraction = 0.1,
        length: Size = 32,
        vocabulary: Size = 64,
        characters: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        if vocabulary <= FIRST:
            raise InputError(f"data.vocabulary={vocabulary} leaves no channel to a character: give {FIRST + 1} or more, as 64")
        if characters is not None and (not characters or len({*characters}) < len(characters)):
            raise InputError(
                f"data.characters='{characters}' is no vocabulary: give each character once, or null for the most frequent ones"
            )
        if characters is not None and len(characters) > vocabulary - FIRST:
            raise InputError(
                f"data.characters holds {len(characters)} characters: use data.vocabulary={len(characters) + FIRST} or more"
            )
        if length < 1:
            raise InputError(f"data.length={length} is invalid: give the characters of a line, 1 or more")
        if not 0 < held_out_fraction < 1:
            raise InputError(f"data.held_out_fraction={held_out_fraction} is invalid: give a number between 0 and 1")
        super().__init__(lambda: self._set(0), lambda: self._set(1), **options)
        self.root, self.held_out_root, self.held_out_fraction = root, held_out_root, held_out_fraction
        self.length, self.vocabulary, self._given = length, vocabulary, characters

    @cached_property
    def characters(self) -> str:
        """The vocabulary: the given one, or the most frequent characters of the training lines."""
        return most_frequent(self._codes[0], self.vocabulary - FIRST) if self._given is None else self._given

    @property
    def resolved(self) -> dict[str, Any]:
        """The vocabulary, without which a checkpoint's samples could not be read."""
        return {"characters": self.characters}

    @property
    def remarks(self) -> list[str]:
        """Warnings of what the channels and positions have no room for."""
        codes = self._codes[0]
        unknown, longest = (self.train_set.images == UNKNOWN).sum().item() / np.count_nonzero(codes), self._longest
        found = []
        if unknown > LARGE_SHARE:
            room = f": data.vocabulary={np.count_nonzero(np.unique(codes)) + FIRST} has room for all"
            found.append(f"WARNING: {unknown:.0%} of the characters are not in the vocabulary{'' if self._given else room}")
        if longest > self.length:
            found.append(f"samples are cut to data.length={self.length}; the longest has {longest:,} characters")
        return found

    def to_floats(self, samples: Tensor) -> Tensor:
        """Convert numbers of channels (N, L) to one-hot characters (N, C, L)."""
        channels = torch.arange(self.vocabulary, device=samples.device)
        return (samples[:, None] == channels[:, None]).float()

    @cached_property
    def _codes(self) -> tuple[np.ndarray, np.ndarray]:
        """Code points of the training and of the held-out lines, each (N, L)."""
        lines = self._lines(self.root)
        codes, self._longest = to_codes(lines, self.length), max(map(len, lines))
        if self.held_out_root is not None:
            return codes, to_codes(self._lines(self.held_out_root), self.length)
        num_held_out = int(len(codes) * self.held_out_fraction)
        if num_held_out < FEWEST:
            raise InputError(
                f"'{self.root or 'the embedded text'}' has {count(len(codes), 'line')} with text, too few to hold out "
                f"data.held_out_fraction={self.held_out_fraction} of them: give {ceil(FEWEST / self.held_out_fraction):,} or "
                "more, or data.held_out_root=FILE"
            )
        order = shuffled(len(codes))
        return codes[sorted(order[num_held_out:])], codes[sorted(order[:num_held_out])]

    def _lines(self, root: str | None) -> list[str]:
        return embedded(self.length) if root is None else read(Path(root).expanduser())

    def _set(self, part: int) -> Arrays:
        numbers = np.full(MAX_CHARACTER, UNKNOWN, np.int16)
        for channel, character in enumerate(self.characters, FIRST):
            numbers[ord(character)] = channel
        numbers[0] = PADDING
        return Arrays(torch.from_numpy(numbers[self._codes[part]]))


def read(path: Path) -> list[str]:
    """Return the lines of a text file that are not blank, without white space at their ends.

    Raises:
        InputError: there is no such file, it is not UTF-8, or it holds no text.
    """
    if not path.is_file():
        raise InputError(f"there is no text file '{path}': give one by data.root=FILE, or leave it out for the embedded text")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is not UTF-8 (byte {error.start:,}): convert it, or give another text file") from error
    lines = [line.rstrip() for line in text.split("\n")]
    if not any(lines):
        raise InputError(f"'{path}' holds no text: give a file with a sample on each line")
    return [line for line in lines if line]


def embedded(length: int) -> list[str]:
    """Return the sentences of Python's language reference, each begun on a new line and broken between words; none twice."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:  # some distributions leave it out
        raise InputError("this Python carries no pydoc_data, the embedded text: give a text file by data.root=FILE") from error
    paragraphs = _unique(" ".join(part.split()) for name in sorted(topics) for part in re.split(r"\n\s*\n", topics[name]))
    sentences = _unique(s for paragraph in paragraphs if is_prose(paragraph) for s in re.split(r"(?<=[.!?:;]) ", paragraph))
    return _unique(line for sentence in sentences for line in wrap(sentence, length))


def is_prose(paragraph: str) -> bool:
    """Tell English sentences from headings, code and grammar: mostly letters, and more than two words."""
    letters = sum(character.isalpha() or character == " " for character in paragraph)
    return letters > 0.75 * len(paragraph) and paragraph.count(" ") > 1 and not re.search(r"::=|>>>", paragraph)


def to_codes(lines: list[str], length: int) -> np.ndarray:
    """Return code points (N, length) of lines, cut or padded with 0."""
    return np.array(lines, f"U{length}").view(np.uint32).reshape(len(lines), length)


def most_frequent(codes: np.ndarray, n: int) -> str:
    """Return the ``n`` most frequent characters of code points, or all if there are fewer, the padding not counted.

    They stand by falling code point, so that "$" never precedes "{": OmegaConf would take the two for an interpolation.
    """
    counts = np.bincount(codes.reshape(-1), minlength=MAX_CHARACTER)
    counts[0] = 0
    frequent = np.argsort(-counts, kind="stable")[: min(n, np.count_nonzero(counts))]
    return "".join(map(chr, sorted(frequent.tolist(), reverse=True)))


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
