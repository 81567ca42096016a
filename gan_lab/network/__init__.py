"""Architectures: one published pair of `Generator` and `Discriminator` per file.

Every `Generator` has ``latent_dim`` and maps latents (N, latent_dim) to images (N, C, H, W) in [-1, 1]; every
`Discriminator` computes logits (N,) as ``head(features(x), y)`` from features (N, F). Unconditional networks accept ``y`` and
ignore it.
"""
