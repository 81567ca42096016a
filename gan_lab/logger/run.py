"""Description of a run for a dashboard: its folder, name, group, tags and configuration."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from gan_lab.cli.compose import CONF

NO_CHOICE_OF_METHOD = ("callback", "display", "hparams_search", "launcher", "logger", "sweep", "trainer")  # left out of names

RECORD = "multirun.yaml"  # Hydra's own sweeper writes it to the folder of a sweep


@dataclass
class RunDescription:
    """A run, as a dashboard lists it.

    Attributes:
        folder: the run folder.
        name: model, data, the values that a sweep varies, and the seed.
        group: group of related runs: the name of the sweep's folder, or else model and data.
        tags: model and data.
        choices: short words to sort and filter by: the option of each group and the seed.
        config: the resolved configuration.
        resumed_at: images seen at the resume; later rows are dropped because the run will write them again.
    """

    folder: str
    name: str
    group: str
    tags: list[str]
    choices: dict[str, Any]
    config: dict[str, Any]
    resumed_at: int = 0


def describe(cfg: DictConfig, resumed_at: int) -> RunDescription:
    """Describe the run of this configuration within the current Hydra job."""
    hydra = HydraConfig.get()
    choices = options(cfg, hydra)
    tags, group, varied = [choices["model"], choices["data"]], f"{choices['model']}-{choices['data']}", []
    if sweep := sweep_of(hydra):
        group, varied = sweep.name, list(variations(hydra, choices, swept(sweep)))
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    name = "-".join([*tags, *varied, str(cfg.seed)])
    return RunDescription(cfg.folder, name, group, tags, choices, config, resumed_at)


def options(cfg: DictConfig, hydra: HydraConf) -> dict[str, Any]:
    """Return the option of each config group, and the seed.

    Hydra records no choice for a group that was given a list, such as penalty=[r1,lecam]: there the keys are joined by "+".
    """
    groups = [str(group) for group, node in cfg.items() if isinstance(node, DictConfig) and (CONF / str(group)).is_dir()]
    keys: dict[str, Any] = {group: "+".join(cfg[group]) or "none" for group in groups}
    known = {group: option for group, option in hydra.runtime.choices.items() if not {"/", "@"} & {*group} and option}
    chosen = {group: option for group, option in (keys | known).items() if group not in NO_CHOICE_OF_METHOD}
    return chosen | {"seed": cfg.seed}


def sweep_of(hydra: HydraConf) -> Path | None:
    """Return the folder of this run's sweep, also if the run is resumed alone; None if it is not part of a sweep."""
    if hydra.mode == RunMode.MULTIRUN:
        return Path(hydra.runtime.cwd, hydra.sweep.dir)
    parent = Path(hydra.runtime.output_dir).parent
    return parent if (parent / RECORD).is_file() else None


def swept(sweep: Path) -> list[str]:
    """Return the keys that a sweep varies; none if its sweeper leaves no record."""
    if not (sweep / RECORD).is_file():
        return []
    record = OmegaConf.load(sweep / RECORD).hydra
    params = [f"{key}={value}" for key, value in (record.sweeper.get("params") or {}).items()]
    return [override.key_or_group for override in _parsed([*params, *record.overrides.task]) if override.is_sweep_override()]


def variations(hydra: HydraConf, choices: dict[str, Any], varied: list[str]) -> Iterator[str]:
    """Yield the options that set this job apart, except model, data and seed, which the name already has."""
    for override in _parsed(hydra.overrides.task):
        key = override.key_or_group
        if key in ("model", "data", "seed", *NO_CHOICE_OF_METHOD) or (varied and key not in varied):
            continue
        number = override.value()
        value = f"{number:.4g}" if isinstance(number, float) else override.get_value_element_as_str()
        yield choices.get(key, value if "/" in key else f"{key}={value}")


def _parsed(overrides: list[str]) -> list[Override]:
    return OverridesParser.create().parse_overrides(overrides)
