"""gan_lab: train, compare and judge every GAN from one small, tested code base."""

__version__ = "0.1.0"
