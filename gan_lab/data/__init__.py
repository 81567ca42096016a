"""Data modules: uint8 images in, batches of ([-1, 1] images, labels) out."""
