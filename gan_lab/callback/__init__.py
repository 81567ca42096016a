"""Callbacks: they evaluate, record and stop a run, and never change training."""
