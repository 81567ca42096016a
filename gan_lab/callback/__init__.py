"""Callbacks judge and record; none changes training."""
