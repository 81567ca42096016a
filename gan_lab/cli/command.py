"""The one wrapper around `hydra.main` that every command shares: where the configs are, and errors in one sentence.

Nothing heavy is imported here, so that ``--help`` answers at once; a command imports torch inside its function.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_lab.cli import renamed
from gan_lab.errors import Diverged, InputError, nearest

PACKAGE = Path(__file__).parents[1]
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())
"""The config folder: inside an installed package, else beside it in a checkout."""


def command(config_name: str, function: Callable[[DictConfig], Any]) -> None:
    """Run ``function`` with the configuration that ``conf/<config_name>.yaml`` and the command line compose."""
    sys.path.insert(0, str(Path.cwd()))  # a user's own my_gan.py is found by `_target_: my_gan.MyGAN`
    sys.argv[1:], warnings = renamed.current(sys.argv[1:])
    for warning in warnings:
        print(f"gan_lab: {warning}", file=sys.stderr)
    args = get_args_parser().parse_args()
    if not (args.help or args.hydra_help or args.info or args.shell_completion):
        explain(lambda: check(config_name, args.overrides, args.config_dir))
    task = wraps(function)(lambda cfg: explain(lambda: function(cfg)))
    hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(task)()


def explain(function: Callable[[], Any]) -> Any:
    """Call the function; bad input ends the command with its one sentence instead of a traceback."""
    try:
        return function()
    except (InputError, Diverged, InstantiationException) as error:
        reason = sentence(error)
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise InputError(reason)  # ends this job alone: Hydra runs the others and then fails
    return sys.exit(f"gan_lab: {reason}")


def sentence(error: Exception) -> str | None:
    """What was wrong with the input, in one sentence; None for any other error."""
    if isinstance(error, InstantiationException):  # Hydra wraps what a constructor raises
        return _cause(error)
    return str(error) if isinstance(error, InputError | Diverged) else None


def _cause(error: InstantiationException) -> str:
    """What a constructor did not like, in one line, with the place in the configuration."""
    if isinstance(error.__cause__, InputError):
        return str(error.__cause__)
    place = re.search(r"full_key: (\S+)", str(error))
    reason = _first_line(error.__cause__ or error)
    return f"{place.group(1)}: {reason}" if place else reason


def check(config_name: str, overrides: list[str], config_dir: str | None = None) -> None:
    """Compose once per value of a sweep, so that a misspelt option is named before anything runs."""
    if config_dir:
        overrides = [f"hydra.searchpath=[file://{Path(config_dir).absolute()}]", *overrides]
    first, *others = choices(overrides)
    cfgs = [compose(config_name, first, with_hydra=True)]
    given = {override.split("=")[0] for override in overrides}
    params = (cfgs[0].hydra.sweeper.get("params") or {}).items()  # a sweep that stands in a yaml
    if swept := [f"{key}={value}" for key, value in params if key not in given]:
        others = [*choices([*swept, *overrides])]
    cfgs += [compose(config_name, choice, with_hydra=True) for choice in others]
    if "direction" in cfgs[0].hydra.sweeper and not all(cfg.get("metric") for cfg in cfgs):
        raise InputError("a search needs a score to go by: choose a metric= other than none, or data that bring one")


def choices(overrides: list[str]) -> Iterator[list[str]]:
    """The overrides with the first value of every sweep, then each other value in its turn."""
    with composer() as config_loader:
        try:
            parsed = OverridesParser.create(config_loader).parse_overrides(overrides)
        except HydraException as error:
            raise InputError(
                f"the command line cannot be read: {_first_line(error)} (options are KEY=VALUE; quote a value with special "
                "characters twice: KEY=\"'VALUE'\")"
            ) from error
        values = [_values(override) for override in parsed]
    first = [options[0] for options in values]
    yield first
    for position, options in enumerate(values):
        for option in options[1:]:
            yield [*first[:position], option, *first[position + 1 :]]


def _values(override: Override) -> list[str]:
    """What to try of one override: each value of a choice, the lower end of an interval."""
    key = override.get_key_element()
    if override.is_discrete_sweep():
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    if override.is_interval_sweep():
        return [f"{key}={override.value().start}"]  # type: ignore[union-attr]
    return [str(override.input_line)]


@contextmanager
def composer() -> Iterator[ConfigLoader]:
    """Hydra made ready to compose from `CONF`."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


def compose(config_name: str, overrides: list[str], with_hydra: bool = False) -> DictConfig:
    """The configuration of these overrides; a misspelt one raises an `InputError` with the nearest right one."""
    try:
        with composer():
            return hydra.compose(config_name, overrides, return_hydra_config=with_hydra)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise InputError(_sentence(config_name, error)) from error


def _sentence(config_name: str, error: Exception) -> str:
    text = str(error)
    if found := re.search(r"Could not (?:find|load) '(.+?)/([^/']+)'", text):
        group, option = found.groups()
        with composer() as config_loader:
            options = config_loader.get_group_options(group)
        extra = "; pip install 'gan_lab[sweep]' brings others" if group in ("hydra/launcher", "hydra/sweeper") else ""
        return f"there is no {group} '{option}' (choices: {', '.join(options)}){extra or nearest(option, options)}"
    cause = error.__cause__ or error
    if found := re.search(r"Key '(.+?)' is not in struct\s+full_key: (\S+)", str(cause)):
        _, full_key = found.groups()
        return _unknown_key(config_name, full_key)
    if found := re.search(r"Could not override '(.+?)'", text):
        return _unknown_key(config_name, found.group(1))
    return _first_line(cause)


def _unknown_key(config_name: str, key: str) -> str:
    cfg = OmegaConf.to_container(compose(config_name, []))
    known = [*_keys(cfg)]
    if key in known:
        return f"there is no option '{key}' beside the other choices of this command (all options: --cfg job)"
    return f"there is no option '{key}'{nearest(key, known)} (all options: --cfg job; a new one: +{key}=VALUE)"


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}{key}"
            yield from _keys(value, f"{prefix}{key}.")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
