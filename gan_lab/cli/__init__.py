"""The wrapper around Hydra that every command shares, and what commands print."""
