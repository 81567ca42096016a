"""The generator of pytorch/examples (https://github.com/pytorch/examples/tree/main/dcgan), as ``netG_epoch_N.pth`` holds it.

Its layers are ``main.0``, a transposed convolution of the latents, then BatchNorm, ReLU and a doubling convolution in turn.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from gan_lab.errors import InputError


def options(state: Mapping[str, Tensor]) -> list[str]:
    """Return the options of gan_lab.train that make this generator."""
    convs = _convolutions(state)
    latent_dim, first = convs[0].shape[:2]
    width, channels = convs[-1].shape[:2]
    if len(convs) < 3 or first != width << (len(convs) - 2):
        raise InputError(f"its {len(convs)} convolutions, of {first} channels at first and {width} at last, are no DCGAN's")
    return [
        "model=dcgan",
        "network=dcgan",
        f"data.image_size={4 << (len(convs) - 1)}",
        f"data.channels={channels}",
        f"network.generator.latent_dim={latent_dim}",
        f"network.generator.width={width}",
    ]


def weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return them by the names of `gan_lab.network.dcgan.Generator`, whose first layer is a linear one."""
    found = {}
    for name, value in state.items():
        number, kind = (int(match[1]), match[2]) if (match := re.fullmatch(r"main\.(\d+)\.(\w+)", name)) else (-1, name)
        if number % 3 == 0:
            found[f"layers.{number // 3 * 4 + bool(number)}.{kind}"] = value if number else value.flatten(1).T.contiguous()
        else:
            found[f"layers.{number // 3 * 4 + 2}.{kind}" if number > 0 else name] = value
    return found


def _convolutions(state: Mapping[str, Tensor]) -> list[Tensor]:
    """Return the weights of the convolutions, from the latents on."""
    names = sorted(
        (name for name, value in state.items() if value.ndim == 4), key=lambda name: int(re.sub(r"\D", "", name) or 0)
    )
    if "main.0.weight" not in names:
        raise InputError(f"it has no main.0.weight of four dimensions, but {', '.join([*state][:3])}, ...")
    return [state[name] for name in names]
