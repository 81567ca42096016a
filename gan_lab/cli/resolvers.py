"""Resolvers for values that a configuration cannot state plainly, such as ``${combinations:...}`` and ``${run_name:}``."""

import math
from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf

from gan_lab.run_folder import run_name
from gan_lab.sizes import height_and_width


def combinations(attributes: Sequence[str]) -> int | None:
    """Return the number of classes that so many yes-or-no attributes make; None without any."""
    return 2 ** len(attributes) if attributes else None


def sample_latents(*, _root_: DictConfig, _parent_: DictConfig) -> int | None:
    """Return the size of latents that have the data's shape and, beside it, room for labels where the network takes none.

    None until the data are read, where a file decides their shape.
    """
    data, model = _root_.data, _root_.model
    embedded = model.num_classes is not None and _parent_.get("num_classes") is None
    shape = data.get("shape")
    if shape is None and data.image_size is not None:
        shape = data.channels, *height_and_width(data.image_size)
    return None if shape is None else math.prod(shape) + (model.embedding_dim if embedded else 0)


OmegaConf.register_new_resolver("combinations", combinations, replace=True)
OmegaConf.register_new_resolver("sample_latents", sample_latents, replace=True)
OmegaConf.register_new_resolver("run_name", run_name, use_cache=True, replace=True)
