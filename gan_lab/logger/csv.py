"""Reader and logger of metrics.csv, the plain record that every run has and a resumed run continues."""

import csv
import math
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only

from gan_lab import atomic
from gan_lab.cli.console import say
from gan_lab.cli.words import count
from gan_lab.logger.clocks import Clocked
from gan_lab.logger.sections import CLOCKS
from gan_lab.run_folder import whole_rows

Row = Mapping[str, float]


class CsvLogger(Clocked, Logger):
    """Append rows to a file; a new column rewrites it with a longer header.

    It replaces Lightning's own logger, which deletes the file of the run that is resumed.

    Args:
        path: the file.
        resumed_at: images seen at the resume; later rows are dropped because the run will write them again. None keeps all.
        rows: number of rows to keep of these; None: all.

    Attributes:
        rows: number of rows in the file, which a checkpoint keeps.
    """

    def __init__(self, path: Path, resumed_at: int | None = None, rows: int | None = None) -> None:
        super().__init__()
        self.path, (found, torn) = path, whole_rows(path)
        kept = [row for row in found if resumed_at is None or float(row.get("images_seen", math.inf)) <= resumed_at][:rows]
        self.rows = len(kept)
        told = {clock: [int(row[clock]) for row in kept if row.get(clock, "").isdecimal()] for clock in CLOCKS}
        self.latest = {clock: max(numbers) for clock, numbers in told.items() if numbers}
        self.columns = list(dict.fromkeys(name for row in kept for name in row))
        if torn:
            say(f"dropped {count(torn, 'torn line')} of {path}: a killed process leaves such")
        if torn or len(kept) < len(found):
            self._write(kept)

    @property
    def name(self) -> str:
        """Name that Lightning requires."""
        return "csv"

    @property
    def version(self) -> str:
        """Version that Lightning requires."""
        return ""

    @property
    @rank_zero_experiment
    def experiment(self) -> "CsvLogger":
        """The logger itself, on the first process."""
        return self

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml holds the hyperparameters."""

    @rank_zero_only
    def log_metrics(self, metrics: Row, step: int | None = None) -> None:
        """Append a row."""
        row = self.clocked(metrics)
        self.rows += 1
        if new := [name for name in row if name not in self.columns]:
            self.columns += new
            self._write([*whole_rows(self.path)[0], row])
            return
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(row)

    @rank_zero_only
    def _write(self, rows: Sequence[Mapping[str, float | str]]) -> None:
        with atomic.replacing(self.path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(rows)
