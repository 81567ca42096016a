"""One page about many runs: ``python -m gan_lab.report runs=outputs/*``."""

from gan_lab.cli.command import command


def main() -> None:
    """Run the command."""
    command("report", "gan_lab.report.page.report")


if __name__ == "__main__":
    main()
