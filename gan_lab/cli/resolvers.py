"""Resolvers for values that a configuration cannot state plainly: ``${combinations:...}``, ``${numel:...}``, ``${run_name:}``."""

import math
from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf

from gan_lab.run_folder import run_name


def combinations(attributes: Sequence[str]) -> int | None:
    """Return the number of classes that so many yes-or-no attributes make; None without any."""
    return 2 ** len(attributes) if attributes else None


def numel(data: DictConfig) -> int:
    """Return the number of numbers in a sample of the data that this group describes."""
    return math.prod(data.get("shape") or (data.channels, data.image_size, data.image_size))


OmegaConf.register_new_resolver("combinations", combinations, replace=True)
OmegaConf.register_new_resolver("numel", numel, replace=True)
OmegaConf.register_new_resolver("run_name", run_name, use_cache=True, replace=True)
