"""One page about many runs: ``python -m gan_lab.report runs=outputs/*``."""

from pathlib import Path

from omegaconf import DictConfig

from gan_lab.cli.command import command


def main() -> None:
    """The command."""
    command("report", report)


def report(cfg: DictConfig) -> None:
    """Write a single HTML file that shows and compares the runs, from nothing but the files in their folders."""
    from rich.console import Console

    from gan_lab.errors import require
    from gan_lab.report import page, runs

    require(cfg, {"max_grids": 0}, int)
    folders, others = runs.find(cfg.runs)
    text = page.render(runs.collect(folders, cfg.max_grids), others)
    path, console = Path(cfg.out), Console(highlight=False, soft_wrap=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    for folder in others:
        console.print(runs.NO_RUN.format(folder), markup=False)
    console.print(
        f"{len(folders)} {'run' if len(folders) == 1 else 'runs'} -> {path} ({len(text) / 2**20:.1f} MiB)", markup=False
    )
