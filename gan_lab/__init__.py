"""gan_lab: train, compare and judge every GAN from one small, tested code base."""

from gan_lab.cli import resolvers as resolvers  # what the configuration asks for must be known wherever one is read

__version__ = "0.2.0"
