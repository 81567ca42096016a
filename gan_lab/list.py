"""List what can be chosen: ``python -m gan_lab.list model``."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gan_lab.cli import catalogue
from gan_lab.cli.command import command
from gan_lab.errors import pick

MOST_PADDED = 5
"""Columns that leave room for padding on a screen of 80 letters."""


def main() -> None:
    """Run the command; a bare word in front is the group."""
    argv = sys.argv[1:]
    if argv and re.fullmatch(r"[\w/]+", argv[0]):
        argv[0] = f"group={argv[0]}"
    command("list", show, argv)


def show(cfg: DictConfig) -> None:
    """Print the options of ``group``, or all groups, or rewrite the tables of the READMEs."""
    folders = [Path(source.path) for source in HydraConfig.get().runtime.config_sources if source.schema == "file"]
    pick({"table": table, "markdown": markdown, "readme": readme}, cfg.format, "format")(cfg.group, folders)


def table(group: str | None, folders: Sequence[Path]) -> None:
    """Print a table; its papers are links where the terminal has them."""
    rows = catalogue.rows(group, folders)
    columns = [column for column in rows[0] if column != "address"]
    shown = Table(padding=0 if len(columns) > MOST_PADDED else (0, 1))
    for column in columns:
        head = f"{catalogue.option_of(group)}=" if column == "option" else column
        shown.add_column(head, no_wrap=column == "option", overflow="fold", min_width=len(head))
    for row in rows:
        styles = {"paper": f"link {row['address']}"} if row.get("address") else {}
        shown.add_row(*(Text(row[column], styles.get(column, "")) for column in columns))
    Console(markup=False, emoji=False).print(shown)


def markdown(group: str | None, folders: Sequence[Path]) -> None:
    """Print a table in Markdown."""
    sys.stdout.write(catalogue.markdown(group, folders))


def readme(_: str | None, __: Sequence[Path]) -> None:
    """Rewrite the tables of every README."""
    for path in catalogue.readmes():
        path.write_text(catalogue.with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
