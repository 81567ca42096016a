"""Samples as text: a line per sample, the most probable character at each position."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from gan_lab import atomic
from gan_lab.plot.display import Clocks
from gan_lab.plot.picture import NO_TARGET, Target

UNKNOWN, PADDING, FIRST = 0, 1, 2
"""Channels: of a character that is not in the vocabulary, of what follows a line's end, of the vocabulary's first character."""

UNKNOWN_SYMBOL, PADDING_SYMBOL = "\N{REPLACEMENT CHARACTER}", "\N{MIDDLE DOT}"


class Lines:
    """Text files in UTF-8, a line per sample.

    Args:
        characters: the vocabulary, in the order of its channels; None: of no text yet.
    """

    name: ClassVar[str] = "lines"
    suffix: ClassVar[str] = ".txt"

    def __init__(self, characters: str | None) -> None:
        self.characters = characters or ""

    def decode(self, samples: Tensor) -> list[str]:
        """Return a line for each sample, one-hot or probabilities (N, C, L), without the padding at its end.

        Padding before the last character, and channels that no character has, show as symbols of their own.
        """
        unused = samples.shape[1] - FIRST - len(self.characters)
        symbols = UNKNOWN_SYMBOL + PADDING_SYMBOL + self.characters + UNKNOWN_SYMBOL * unused
        return ["".join(symbols[i] for i in line[: _end(line)]) for line in samples.argmax(1).tolist()]

    def save(self, samples: Tensor, path: Path, columns: int | None = None, target: Target = NO_TARGET) -> None:
        """Write samples (N, C, L), with an empty line behind every ``columns`` lines."""
        lines = self.decode(samples)
        rows = [lines[i : i + columns] for i in range(0, len(lines), columns)] if columns else [lines]
        atomic.write_text(path, "\n".join("".join(f"{line}\n" for line in row) for row in rows))

    def crowd(self, shape: Sequence[int]) -> int:
        """Return 1: a line says something by itself."""
        return 1

    def compares(self, shape: Sequence[int]) -> bool:
        """Return that reals are not shown."""
        return False

    def log(self, logger: Any, path: Path, clocks: Clocks) -> None:
        """Log the lines."""
        if hasattr(logger, "log_lines"):
            logger.log_lines(f"samples/{self.name}", path.read_text(encoding="utf-8").split("\n")[:-1], clocks)


def _end(line: list[int]) -> int:
    """Return the position behind the last channel that is not the padding."""
    return max((position for position, channel in enumerate(line, 1) if channel != PADDING), default=0)
