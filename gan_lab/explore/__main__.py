"""Explore a trained generator in the browser: ``python -m gan_lab.explore run=outputs/dcgan-digits/DATE_TIME``."""

from gan_lab.cli.command import command


def main() -> None:
    """Run the command."""
    command("explore", "gan_lab.explore.page.explore")


if __name__ == "__main__":
    main()
