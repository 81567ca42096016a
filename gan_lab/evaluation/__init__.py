"""Samples, features and metrics: the judging of trained GANs."""
