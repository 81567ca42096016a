"""Augmentations of all images that D sees in training: reals and fakes, in the steps of both players.

An augmentation is a module called as ``augment(images, rng, images_seen)``. It gives images of the same shape, differentiable
twice in the given ones, for gradients go through it to G and gradient penalties are taken through it. All that is random in it
comes from the step's noise.
"""
