"""What a dashboard is told of a run: where it lies, what it is called and what it is made of."""

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

from gan_lab.cli.command import CONF

NO_CHOICE_OF_METHOD = ("callback", "hparams_search", "launcher", "logger", "sweep", "trainer")

RECORD = "multirun.yaml"  # what Hydra's own sweeper writes into the folder of a sweep


@dataclass
class Run:
    """A run, as a dashboard lists it.

    Attributes:
        folder: the run folder.
        name: model, data, what a sweep varies, and the seed.
        group: of the runs that belong together: a sweep's folder, else model and data.
        tags: model and data.
        config: the resolved configuration. Its ``choices`` are short words to sort and filter by: the option of each group
            and the seed.
        resumed_at: rows of more images than this are dropped, for the resumed run sees those images again.
    """

    folder: str
    name: str
    group: str
    tags: list[str]
    config: dict[str, Any]
    resumed_at: int = 0


def describe(cfg: DictConfig, resumed_at: int) -> Run:
    """The run of this configuration in the command that Hydra started."""
    hydra = HydraConfig.get()
    choices = options(cfg, hydra)
    tags, group, varied = [choices["model"], choices["data"]], f"{choices['model']}-{choices['data']}", []
    if sweep := sweep_of(hydra):
        group, varied = sweep.name, list(variations(hydra, choices, swept(sweep)))
    config: Any = OmegaConf.to_container(cfg, resolve=True)
    name = "-".join([*tags, *varied, str(cfg.seed)])
    return Run(cfg.folder, name, group, tags, config | {"choices": choices}, resumed_at)


def options(cfg: DictConfig, hydra: HydraConf) -> dict[str, Any]:
    """The option of each group, and the seed. Hydra knows none where a list was given: there the keys tell."""
    groups = [str(group) for group, node in cfg.items() if isinstance(node, DictConfig) and (CONF / str(group)).is_dir()]
    keys: dict[str, Any] = {group: "+".join(cfg[group]) or "none" for group in groups}
    known = {group: option for group, option in hydra.runtime.choices.items() if "/" not in group and option}
    chosen = {group: option for group, option in (keys | known).items() if group not in NO_CHOICE_OF_METHOD}
    return chosen | {"seed": cfg.seed}


def sweep_of(hydra: HydraConf) -> Path | None:
    """The folder of the sweep that this run is a job of, also where it is gone on with alone; None: of none."""
    if hydra.mode == RunMode.MULTIRUN:
        return Path(hydra.runtime.cwd, hydra.sweep.dir)
    parent = Path(hydra.runtime.output_dir).parent
    return parent if (parent / RECORD).is_file() else None


def swept(sweep: Path) -> list[str]:
    """The keys that a sweep varies; none where its sweeper does not write down what it was asked for."""
    if not (sweep / RECORD).is_file():
        return []
    asked = OmegaConf.load(sweep / RECORD).hydra
    params = [f"{key}={value}" for key, value in (asked.sweeper.get("params") or {}).items()]
    return [override.key_or_group for override in _parsed([*params, *asked.overrides.task]) if override.is_sweep_override()]


def variations(hydra: HydraConf, choices: dict[str, Any], varied: list[str]) -> Iterator[str]:
    """What this job has that others have not; model, data and seed have places of their own in the name."""
    for override in _parsed(hydra.overrides.task):
        key = override.key_or_group
        if key in ("model", "data", "seed", *NO_CHOICE_OF_METHOD) or (varied and key not in varied):
            continue
        number = override.value()
        value = f"{number:.4g}" if isinstance(number, float) else override.get_value_element_as_str()
        yield choices.get(key, value if "/" in key else f"{key}={value}")


def _parsed(overrides: list[str]) -> list[Override]:
    return OverridesParser.create().parse_overrides(overrides)
