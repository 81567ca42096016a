"""A data set of image files: each read on access, a broken one replaced by the next."""

import itertools
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import BinaryIO

import torch
from torch import Tensor
from torch.utils.data import Dataset

from gan_lab.data.decode import Fault, Unreadable
from gan_lab.data.store import Store, headers
from gan_lab.data.survey import LOOKED_AT, SourceFacts, spread
from gan_lab.errors import InputError


class BrokenImage(InputError):
    """A file that is not an image, is incomplete, or is refused."""

    def __init__(self, message: str, fault: Fault = Fault.BROKEN) -> None:
        # the DataLoader re-raises a worker's error with its whole traceback as the message, which ends in the sentence
        super().__init__(message.rstrip().rpartition("BrokenImage: ")[2])
        self.fault = fault


class Images(Dataset[tuple[Tensor, int | None]]):
    """Image files, each read on access.

    An image that cannot be used is replaced by the next good one, with the label of that one. The first of each kind of
    fault is printed; the others are counted.

    Args:
        store: the files' folder, archive or database.
        files: paths in the store.
        decode: turns an open file into uint8 (C, H, W).
        labels: one per file, or None.
        classes: names of the labels.
        strict: raise at a broken image instead of replacing it.
        strict_option: the option that a command calls it.
    """

    def __init__(
        self,
        store: Store,
        files: list[str],
        decode: Callable[[BinaryIO], Tensor],
        labels: Sequence[int] | None = None,
        classes: Sequence[str] = (),
        strict: bool = False,
        strict_option: str = "data.strict",
    ) -> None:
        self.store, self.files, self.decode, self.strict, self.strict_option = store, files, decode, strict, strict_option
        self.labels = None if labels is None else torch.tensor(labels)
        self.classes = list(classes)
        # 0, or one more than the place in `Fault`; forked workers write into it
        self._faults = torch.zeros(len(files), dtype=torch.uint8).share_memory_()

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int | None]:
        """Return the image, uint8 (C, H, W), and its label; those of the next good file if this one is broken."""
        start = range(len(self))[index]  # raises IndexError past the end, which ends a loop over the data set
        for position in itertools.chain(range(start, len(self)), range(start)):
            if self._faults[position]:
                continue
            try:
                return self.read(position), None if self.labels is None else int(self.labels[position])
            except BrokenImage as error:
                if self.strict:
                    raise
                self._leave_out(position, error)
        raise BrokenImage(f"none of the {len(self):,} images of '{self.store.root}' can be read: check that they are complete")

    def name(self, index: int) -> str:
        """Return the path of the file."""
        return str(self.store.root / self.files[index])

    def read(self, index: int) -> Tensor:
        """Return the image of exactly this file, uint8 (C, H, W).

        Raises:
            BrokenImage: the file cannot be decoded.
        """
        try:
            with self.store.open(self.files[index]) as file:
                return self.decode(file)
        except Exception as error:  # decoders raise almost anything
            fault = error.fault if isinstance(error, Unreadable) else Fault.BROKEN
            raise BrokenImage(f"the image '{self.name(index)}' {fault}", fault) from error

    def _leave_out(self, index: int, error: BrokenImage) -> None:
        """Note the fault of an image, and print the first one of its kind."""
        code = list(Fault).index(error.fault) + 1
        is_first = not bool((self._faults == code).any())
        self._faults[index] = code
        if is_first:
            # not sys.stderr: a progress bar may have replaced it, and a forked worker could wait for its lock forever
            print(
                f"{error} (using the next one, and counting others like it; {self.strict_option}=true stops instead)",
                file=sys.__stderr__,
                flush=True,
            )

    @property
    def faults(self) -> dict[str, int]:
        """Reasons why files could not be used so far, each with their number."""
        counts = {str(fault): int((self._faults == code).sum()) for code, fault in enumerate(Fault, 1)}
        return {fault: count for fault, count in counts.items() if count}

    @cached_property
    def source(self) -> SourceFacts:
        """Sizes and modes of some files that are spread over all; what cannot be read is passed over."""
        return SourceFacts.of(headers(self.store, [self.files[index] for index in spread(len(self), LOOKED_AT)]))

    @property
    def broken(self) -> list[str]:
        """Paths of the files that this process and its workers could not use so far."""
        return [self.name(index) for index in self._faults.nonzero().flatten().tolist()]
