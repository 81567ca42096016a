"""Speed of the training step as a ratio: ``python -m gan_lab.benchmark model=dcgan data=fake speed=fast``."""

from gan_lab.cli.command import command


def main() -> None:
    """Run the command."""
    command("benchmark", "gan_lab.benchmark.step.benchmark")


if __name__ == "__main__":
    main()
