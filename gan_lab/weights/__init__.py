"""Weights that other code trained, as generators of gan_lab: one format per module."""
