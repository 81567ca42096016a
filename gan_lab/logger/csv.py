"""Reader and logger of metrics.csv, the plain record that every run has and a resumed run continues."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only

Row = dict[str, Any]


def read(path: Path) -> list[dict[str, float]]:
    """Return the rows of a metrics.csv, each without its empty columns; no rows if the file does not exist."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{name: float(text) for name, text in row.items() if text} for row in csv.DictReader(file)]


class CsvLogger(Logger):
    """Appends rows to metrics.csv; a new column rewrites the file with a longer header.

    It replaces Lightning's own logger, which deletes the file of the run that is resumed.

    Args:
        path: the file.
        resumed_at: images seen at the resume; later rows are dropped because the run will write them again. None keeps all.
    """

    def __init__(self, path: Path, resumed_at: int | None = None) -> None:
        super().__init__()
        self.path = path
        rows = read(path)
        kept: list[Row] = [row for row in rows if resumed_at is None or row["images_seen"] <= resumed_at]
        self.columns = list(dict.fromkeys(name for row in kept for name in row))
        if len(kept) < len(rows):
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
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append a row."""
        new = [name for name in metrics if name not in self.columns]
        if new:
            self.columns += new
            self._write([*read(self.path), metrics])
            return
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(metrics)

    @rank_zero_only
    def _write(self, rows: list[Row]) -> None:
        partial = self.path.with_suffix(".partial")
        with partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(rows)
        partial.replace(self.path)
