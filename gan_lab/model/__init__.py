"""The algorithms: `gan.GAN` is the base of all, then one paper per file."""
