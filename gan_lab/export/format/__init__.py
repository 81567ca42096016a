"""One file format per module, each with the same function ``write(exported, folder)``."""
