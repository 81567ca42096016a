"""Freeze the layers of D that see the image first (FreezeD, Mo 2020, https://arxiv.org/abs/2002.10964)."""

from torch import nn

from gan_lab.cli.words import count
from gan_lab.errors import InputError
from gan_lab.network.protocol import is_discriminator

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def freeze(discriminator: nn.Module, n: int) -> frozenset[str]:
    """Take no gradients of the weights of D's first ``n`` blocks (see `blocks`); return their names.

    As in the authors' code only weights are frozen: BatchNorm goes on to normalise by the batch and to average its statistics,
    and spectral norm goes on to iterate, which brings it closer to the norm of the weights that stay.

    Raises:
        InputError: no block would be left to learn.
    """
    parts = blocks(discriminator)
    if n and n >= len(parts):
        raise InputError(
            f"model.freeze_d={n} leaves nothing to learn of this discriminator, which has {count(len(parts), 'block')}: give a "
            f"number from 0 to {max(0, len(parts) - 1)}"
        )
    for part in parts[:n]:
        part.requires_grad_(False)
    return (
        frozenset(name for name, weight in discriminator.named_parameters() if not weight.requires_grad) if n else frozenset()
    )


def blocks(discriminator: nn.Module) -> list[nn.ModuleList]:
    """Return D's blocks, from the image on: its submodules with weights, in the order of their registration.

    A network that registers them in another order lists its blocks by a method ``layers_from_image() -> list[nn.Module]``.
    Containers (`nn.Sequential`, ...) and a discriminator within one are entered, other modules, such as residual blocks, are
    whole. What has only vectors for weights, such as a norm, belongs to the block before it. Weights that D itself registers
    belong to none.
    """
    found: list[nn.ModuleList] = []
    for part in _parts(discriminator):
        if found and all(weight.ndim < 2 for weight in part.parameters()):
            found[-1].append(part)
        else:
            found.append(nn.ModuleList([part]))
    return found


def _parts(module: nn.Module) -> list[nn.Module]:
    if callable(listed := getattr(module, "layers_from_image", None)):
        return list(listed())
    children = [child for child in module.children() if next(child.parameters(), None) is not None]
    entered = [_parts(child) if isinstance(child, CONTAINERS) or is_discriminator(child) else [child] for child in children]
    return [part for parts in entered for part in parts]
