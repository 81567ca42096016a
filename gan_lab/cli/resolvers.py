"""Resolvers for values that a configuration cannot state plainly: ``${combinations:...}`` and ``${run_name:}``."""

from collections.abc import Sequence

from omegaconf import OmegaConf

from gan_lab.run_folder import run_name


def combinations(attributes: Sequence[str]) -> int | None:
    """Return the number of classes that so many yes-or-no attributes make; None without any."""
    return 2 ** len(attributes) if attributes else None


OmegaConf.register_new_resolver("combinations", combinations, replace=True)
OmegaConf.register_new_resolver("run_name", run_name, use_cache=True, replace=True)
