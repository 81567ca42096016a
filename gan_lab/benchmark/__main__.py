"""Speed of training as a ratio: ``python -m gan_lab.benchmark model=dcgan benchmark.settings=[plain,fast]``."""

from pathlib import Path

from omegaconf import DictConfig

from gan_lab.cli.command import command
from gan_lab.sweep import jobs


def main() -> None:
    """Run the command."""
    with jobs.report(show_sweep):
        command("benchmark", jobs.job(benchmark))


def benchmark(cfg: DictConfig) -> None:
    """Measure one configuration."""
    from gan_lab.benchmark import step  # imports torch

    step.benchmark(cfg)


def show_sweep(sweep: Path) -> bool:
    """Show the results of a sweep."""
    from gan_lab.benchmark import results

    return results.show_sweep(sweep)


if __name__ == "__main__":
    main()
