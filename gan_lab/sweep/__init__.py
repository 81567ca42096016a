"""Sweeps: run their jobs, and rank what they left."""
