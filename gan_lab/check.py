"""Does a GAN keep the promises of all GANs here? ``python -m gan_lab.check model=my_gan [--config-dir=...]``."""

import sys
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from gan_lab.cli.command import command

if TYPE_CHECKING:
    from gan_lab.training.invariants import Invariant


def main() -> None:
    """The command."""
    command("check", check)


def check(cfg: DictConfig) -> None:
    """Look at every promise and print a table; the exit status is 1 if one is broken."""
    from rich.progress import track

    from gan_lab.cli import console
    from gan_lab.training import invariants
    from gan_lab.training.config import check_numbers, finalize_config

    console.quiet()
    check_numbers(cfg)
    narrow(cfg, cfg.check.width)
    finalize_config(cfg, cfg.max_images, cfg.data.batch_size, Path.cwd())
    if cfg.check.rank_folder:
        invariants.train_as_rank(cfg, Path(cfg.check.rank_folder))
        return
    with TemporaryDirectory() as folder:
        every = track(invariants.INVARIANTS.items(), description="checking")
        results = [(name, *outcome(promise, cfg, Path(folder))) for name, promise in every]
    show(cfg, results)
    if not all(kept for _, kept, _ in results):
        sys.exit(1)


def narrow(cfg: DictConfig, width: int) -> None:
    """Make networks small where a width can be given and was not."""
    from hydra.core.hydra_config import HydraConfig

    given = {override.partition("=")[0] for override in HydraConfig.get().overrides.task}
    for name, network in cfg.network.items():
        if "width" in network and f"network.{name}.width" not in given:
            network.width = width


def outcome(promise: "Invariant", cfg: DictConfig, folder: Path) -> tuple[bool, str]:
    """Whether the promise is kept, and what was seen or why it is broken."""
    try:
        return True, promise(deepcopy(cfg), folder)
    except Exception as error:  # a GAN in the making fails in any way
        first = str(error).strip().partition("\n")[0]
        return False, first if type(error).__name__ in ("Violation", "InputError") else f"{type(error).__name__}: {first}"


def show(cfg: DictConfig, results: list[tuple[str, bool, str]]) -> None:
    """The table."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("promise", "", "what was seen", title=f"{cfg.model._target_}, {cfg.network.generator._target_}")
    for name, kept, seen in results:
        table.add_row(name, "[green]kept[/]" if kept else "[red]broken[/]", escape(seen))
    Console().print(table)


if __name__ == "__main__":
    main()
