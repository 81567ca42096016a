"""The command line of a sweep of toys."""

TOY = ["data=gaussians", "data.batch_size=64", "data.train.n=512", "data.held_out.n=500", "max_images=256",
       "val_every_images=256", "sample_every_images=256", "logger=csv", "hydra.sweep.dir=sweep"]  # fmt: skip
