"""Dropout that stays on in sampling: the noise of pix2pix (Isola 2017, section 3.2; ganhacks 17)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gan_lab.rng import SampleRNG, Stream, key


@contextmanager
def kept(network: nn.Module, z: Tensor) -> Iterator[None]:
    """Keep the dropout of a network in evaluation mode active within this block.

    What is dropped is a function of each row of the latents z (N, latent_dim) alone: the same on any batch size and device.
    """
    bits = z.detach().float().cpu().view(torch.int32).tolist()
    rows = SampleRNG(Stream.LAYERS, indices=[key(*row) for row in bits])

    def drop(module: Any, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        (x,) = inputs
        stays = rows.uniform(*x.shape).to(x) >= module.p
        return x * stays / (1 - module.p)

    hooks = [module.register_forward_hook(drop) for module in network.modules() if isinstance(module, nn.Dropout) and module.p]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
