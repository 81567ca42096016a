"""Measurements of the training step, the data and the Fréchet distance."""
