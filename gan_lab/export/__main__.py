"""Take a trained generator elsewhere: ``python -m gan_lab.export run=outputs/dcgan-digits/DATE_TIME format=onnx``."""

from gan_lab.cli.command import command


def main() -> None:
    """Run the command."""
    command("export", "gan_lab.export.artifacts.export")


if __name__ == "__main__":
    main()
