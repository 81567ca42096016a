"""Speed of data beside torchvision's: ``python -m gan_lab.benchmark_data data.root=DIR``."""

from gan_lab.cli.command import command


def main() -> None:
    """Run the command."""
    command("benchmark_data", "gan_lab.benchmark.data.benchmark_data")


if __name__ == "__main__":
    main()
