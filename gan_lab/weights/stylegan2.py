"""StyleGAN2's generator as its authors have it (https://github.com/NVlabs/stylegan2-ada-pytorch): the state dict of ``G_ema``.

``mapping`` has the layers ``fc0``, ``fc1``, ... and the mean of w; ``synthesis`` a block ``b4``, ``b8``, ... per resolution.

Differs from the authors' code: images are computed in float32 throughout, and no map is clamped to +-256; noise is what theirs
calls ``noise_mode=const``.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from gan_lab.weights.tensors import shape_of, without_filters

LAYER = re.compile(r"synthesis\.b(\d+)\.(conv0|conv1|torgb)\.(.+)")
LAYERS = {"conv0": "up", "conv1": "conv", "torgb": "to_image"}
PARTS = {"affine.weight": "style.weight", "affine.bias": "style.bias", "noise_const": "constant_noise"}
OUTER = {
    "synthesis.b4.const": "synthesis.constant",
    "mapping.w_avg": "mapping.mean",
    "mapping.embed.weight": "mapping.embedding.weight",
    "mapping.embed.bias": "mapping.embedding.bias",
}
"""Names of the authors, and those of `gan_lab.network.stylegan2`; the embedding is transposed."""


def options(state: Mapping[str, Tensor]) -> list[str]:
    """Return the options of gan_lab.train that make this generator, and a discriminator of the same sizes."""
    resolutions = {int(match[1]) for name in state if (match := LAYER.fullmatch(name))} or {4}
    channels = {size: shape_of(state, f"synthesis.b{size}.conv1.weight", 4)[0] for size in resolutions}
    depth = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in state)
    inputs = shape_of(state, "mapping.fc0.weight", 2)[1]
    embedded, classes = shape_of(state, "mapping.embed.weight", 2) if "mapping.embed.weight" in state else (0, "null")
    widest = {"width": max(channels.values()), "channel_base": max(size * count for size, count in channels.items())}
    return [
        "model=stylegan2",
        "network=stylegan2",
        f"data.image_size={max(resolutions)}",
        f"data.channels={shape_of(state, 'synthesis.b4.torgb.weight', 4)[0]}",
        f"data.num_classes={classes}",
        f"network.generator.latent_dim={inputs - embedded}",
        f"network.generator.style_dim={shape_of(state, 'mapping.w_avg', 1)[0]}",
        f"network.generator.mapping_layers={depth}",
        *(f"network.{player}.{key}={size}" for player in ("generator", "discriminator") for key, size in widest.items()),
    ]


def weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return them by the names of `gan_lab.network.stylegan2.Generator`."""
    found = {_named(name): value for name, value in without_filters(state, ".resample_filter").items()}
    if "mapping.embedding.weight" in found:
        found["mapping.embedding.weight"] = found["mapping.embedding.weight"].T.contiguous()
    return found


def _named(name: str) -> str:
    """Return our name for theirs, or theirs where there is none."""
    if match := LAYER.fullmatch(name):
        size, layer, part = int(match[1]), LAYERS[match[2]], match[3]
        block = "" if size == 4 else f"blocks.{size.bit_length() - 4}."
        return f"synthesis.{block}{layer}.{PARTS.get(part, part)}"
    return OUTER.get(name) or re.sub(r"^mapping\.fc(\d+)\.", r"mapping.layers.\1.", name)
