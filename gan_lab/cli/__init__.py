"""The command line: the wrapper around Hydra, and what `gan_lab.train` prints."""
