"""R3GAN's generator as its authors have it (https://github.com/brownvc/R3GAN): the state dict of a snapshot's ``G_ema``.

``Model.MainLayers`` are the maps from 4x4 to the image; the layers of each are what makes the map, then its residual blocks.

Differs from the authors' code: images are computed in float32, where theirs takes bfloat16 for the larger maps.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from gan_lab.weights.tensors import shape_of, without_filters

OUTER = {
    "MainLayers.0.Layers.0.Basis": "basis",
    "MainLayers.0.Layers.0.LinearLayer.weight": "input.weight",
    "AggregationLayer.Layer.weight": "output.weight",
    "EmbeddingLayer.weight": "embedding.weight",
}
BLOCK = {
    "LinearLayer1.Layer.weight": "expand.weight",
    "NonLinearity1.Bias": "expand.bias",
    "LinearLayer2.Layer.weight": "grouped.weight",
    "NonLinearity2.Bias": "grouped.bias",
    "LinearLayer3.Layer.weight": "reduce.weight",
}
"""Names of the authors, and those of `gan_lab.network.r3gan`; the embedding is transposed."""


def options(state: Mapping[str, Tensor]) -> list[str]:
    """Return the options of gan_lab.train that make this generator, and a discriminator of the same sizes."""
    state = _bare(state)
    maps, blocks = _depths(state)
    widths = [shape_of(state, f"MainLayers.{k}.Layers.1.LinearLayer1.Layer.weight", 4)[1] for k in range(maps)]
    group_width = shape_of(state, "MainLayers.0.Layers.1.LinearLayer2.Layer.weight", 4)[1]
    inputs = shape_of(state, "MainLayers.0.Layers.0.LinearLayer.weight", 2)[1]
    embedded, classes = shape_of(state, "EmbeddingLayer.weight", 2) if "EmbeddingLayer.weight" in state else (0, "null")
    sizes = {"width": widths, "blocks": blocks, "group_width": group_width}
    return [
        "model=r3gan",
        "network=r3gan",
        f"data.image_size={4 << (maps - 1)}",
        f"data.channels={shape_of(state, 'AggregationLayer.Layer.weight', 4)[0]}",
        f"data.num_classes={classes}",
        f"network.generator.latent_dim={inputs - embedded}",
        *(f"network.{player}.{key}={size}" for player in ("generator", "discriminator") for key, size in sizes.items()),
    ]


def weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return them by the names of `gan_lab.network.r3gan.Generator`."""
    state = _bare(state)
    names = _names(state)
    found = {names.get(name, name): value for name, value in state.items()}
    if "embedding.weight" in found:
        found["embedding.weight"] = found["embedding.weight"].T.contiguous()
    return found


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights alone, without the prefix of the wrapper around the network."""
    bare = {name.removeprefix("Model."): value for name, value in state.items()}
    return without_filters(bare, ".Resampler.Kernel")


def _depths(state: Mapping[str, Tensor]) -> tuple[int, int]:
    """Return the number of maps, and of the residual blocks of the first one."""
    found = [re.match(r"MainLayers\.(\d+)\.Layers\.(\d+)\.", name) for name in state]
    places = {(int(each[1]), int(each[2])) for each in found if each}
    return len({k for k, _ in places}), len([layer for k, layer in places if k == 0]) - 1


def _names(state: Mapping[str, Tensor]) -> dict[str, str]:
    """Return our name for each of theirs: our layers are numbered through all maps, with the doubling between two."""
    names, number = dict(OUTER), 0
    maps, blocks = _depths(state)
    for k in range(maps):
        if (change := f"MainLayers.{k}.Layers.0.LinearLayer.Layer.weight") in state:
            names[change] = f"layers.{number}.weight"
            number += 1
        number += k > 0  # the doubling has no weights
        for block in range(1, blocks + 1):
            names |= {f"MainLayers.{k}.Layers.{block}.{part}": f"layers.{number}.{ours}" for part, ours in BLOCK.items()}
            number += 1
    return names
