"""Speed and error of a Fréchet distance beside torchmetrics': ``python -m gan_lab.benchmark_frechet``."""

from gan_lab.cli.command import command


def main() -> None:
    """Run the command."""
    command("benchmark_frechet", "gan_lab.benchmark.frechet.benchmark_frechet")


if __name__ == "__main__":
    main()
