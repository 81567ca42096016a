"""Make a run folder of public weights: ``python -m gan_lab.import_weights format=pytorch_dcgan file=netG.pth out=FOLDER``."""

from gan_lab.cli.command import command


def main() -> None:
    """Run the command."""
    command("import_weights", "gan_lab.weights.imported.import_weights")


if __name__ == "__main__":
    main()
