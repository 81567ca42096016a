"""Check the invariants of a GAN: ``python -m gan_lab.check model=my_gan [only=resume] [--config-dir=...]``."""

import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from gan_lab.cli.command import command
from gan_lab.cli.words import count
from gan_lab.errors import InputError, first_line, pick
from gan_lab.run_folder import RunFolder

if TYPE_CHECKING:
    from gan_lab.training.checked_gan import CheckedGAN
    from gan_lab.training.invariants import Invariant


def main() -> None:
    """Run the command."""
    command("check", check)


def check(cfg: DictConfig) -> None:
    """Check every invariant, or the one of ``only``, and print a table; the exit status is 1 if one is violated."""
    from rich.progress import track

    from gan_lab.benchmark.step import cost
    from gan_lab.cli import console
    from gan_lab.training.checked_gan import CheckedGAN
    from gan_lab.training.config import check_numbers, finalize_config
    from gan_lab.training.invariants import INVARIANTS, train_as_rank
    from gan_lab.training.speed import choose

    console.quiet()
    check_numbers(cfg)
    choose(cfg)
    narrow(cfg)
    finalize_config(cfg, cfg.max_images, cfg.data.batch_size, Path.cwd())
    if cfg.check.rank_folder:
        train_as_rank(cfg, Path(cfg.check.rank_folder))
        return
    checks = {**INVARIANTS, "run": complete_run, "cost": lambda checked: cost(checked.cfg)}
    chosen = checks if cfg.only is None else {cfg.only: pick(checks, cfg.only, "only")}
    with TemporaryDirectory() as folder:
        checked = CheckedGAN(cfg, Path(folder))
        every = track(chosen.items(), description="checking")
        results = [(name, *outcome(invariant, checked)) for name, invariant in every]
    show(cfg, results)
    if not all(passed for _, passed, _ in results):
        sys.exit(1)


def narrow(cfg: DictConfig) -> None:
    """Make networks and ``data=fake`` small, and the run short, where nothing else was given."""
    hydra = HydraConfig.get()
    given = {override.partition("=")[0].lstrip("+") for override in hydra.overrides.task}
    for name, network in cfg.network.items():
        network.update(
            {key: cfg.check[key] for key in ("width", "depth") if key in network and f"network.{name}.{key}" not in given}
        )
    if hydra.runtime.choices["data"] == "fake":
        cfg.data.update({key: value for key, value in cfg.check.fake.items() if f"data.{key}" not in given})
    if cfg.max_images is None:
        cfg.max_images = cfg.check.steps * cfg.data.batch_size


def complete_run(checked: "CheckedGAN") -> str:
    """Check that a short run comes to its end, plots and final judgement included."""
    from gan_lab.train import run

    made = RunFolder(checked.folder / "run")
    made.path.mkdir()
    with redirect_stdout(StringIO()):
        run(checked.cfg, made.path)
    summary = made.read_summary()
    if summary["status"] != "finished" or "final_judgement" not in summary or not made.curves.is_file():
        raise InputError(f"the run ended as {summary['status']}: {summary.get('error', 'without curves or a final judgement')}")
    grids = count(len(made.grids()), "sample grid")
    return f"{count(summary['images_seen'], 'image')}, {grids}, {count(len(summary['scores']), 'column')} of validation"


def outcome(invariant: "Invariant", checked: "CheckedGAN") -> tuple[bool, str]:
    """Return whether an invariant holds, and the observation or the cause of the violation."""
    try:
        return True, invariant(checked)
    except Exception as error:  # a GAN in the making fails in any way
        known = type(error).__name__ in ("Violation", "InputError", "NotCapturable")
        return False, first_line(error) if known else f"{type(error).__name__}: {first_line(error)}"


def show(cfg: DictConfig, results: list[tuple[str, bool, str]]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("check", "", "observation", title=f"{cfg.model._target_}, {cfg.network.generator._target_}")
    for name, passed, observation in results:
        table.add_row(name, Text("passed", "green") if passed else Text("violated", "red"), observation)
    Console(markup=False, emoji=False).print(table)


if __name__ == "__main__":
    main()
