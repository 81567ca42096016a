"""Words of text as one-hot characters (C, L): short samples, which a small GAN learns on a CPU."""

import re
import sys
from pathlib import Path

from gan_lab.data.text_lines import TextLines, embedded, read
from gan_lab.errors import InputError


class TextWords(TextLines):
    """Batches of the words of a text, without case, each as often as it occurs; else as `TextLines`, whose lines they are.

    A word is a run of letters. Words are held out, not kinds of words: a frequent one is in both parts.
    """

    def _lines(self, root: str | None) -> list[str]:
        found = words(" ".join(embedded(sys.maxsize) if root is None else read(Path(root).expanduser())))
        if not found:
            raise InputError(f"'{root}' holds no letters: give a file with words, or use data=text_lines")
        return found


def words(text: str) -> list[str]:
    """Return the runs of letters of a text, in lower case."""
    return re.findall(r"[^\W\d_]+", text.lower())
