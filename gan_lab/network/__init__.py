"""The architectures: one published pair of `Generator` and `Discriminator` per file.

Every `Generator` has ``latent_dim`` and gives images (N, C, H, W) in [-1, 1] for latents (N, latent_dim); every
`Discriminator` gives raw scores (N,) as ``head(features(x), y)``, where features are (N, F). Networks without labels take
``y`` and ignore it.
"""
