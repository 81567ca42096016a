"""Configurations, composed from ``conf/`` and a command line; what is misspelt there ends in one sentence."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import configure_log
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_lab.cli.options import validate
from gan_lab.cli.schema import COMMANDS
from gan_lab.errors import InputError, first_line, nearest

PACKAGE = Path(__file__).parents[1]
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())
"""The config folder: inside an installed package, else beside it in a checkout. A folder ``COMMAND/`` in it holds the groups of
one command alone, whose names may be keys of others."""

OmegaConf.register_new_resolver("groups_of", lambda command: f"file://{CONF / command}", replace=True)

MOST_VALUES = 10_000
"""Values of one option that a sweep may try: Hydra lists all jobs before the first."""


class App(Hydra):
    """Hydra without waiting: it composes a run three times, and copies its repository for each group that it lists."""

    composed: DictConfig | None = None

    def compose_config(self, *args: Any, **kwargs: Any) -> DictConfig:
        """Return ``composed``, where it is given."""
        if self.composed is None:
            return super().compose_config(*args, **kwargs)
        configure_log(self.composed.hydra.hydra_logging, self.composed.hydra.verbose)
        return self.composed

    def format_config_groups(self, predicate: Callable[[str], bool], compact: bool = True) -> str:
        """Return a line for each group, with its options."""
        options = self.config_loader.repository.get_group_options  # type: ignore[attr-defined]

        def groups(parent: str = "") -> Iterator[str]:
            for name in options(parent, ObjectType.GROUP):
                if (CONF / f"{name}.yaml").is_file() and not parent:
                    continue  # the groups of a command alone
                yield (group := f"{parent}/{name}".lstrip("/"))
                yield from groups(group)

        return "".join(f"{group}: {', '.join(options(group, ObjectType.CONFIG))}\n" for group in groups() if predicate(group))


@contextmanager
def composer(job_name: str = "app", config_dir: str | None = None) -> Iterator[App]:
    """Make Hydra ready to compose from `CONF`, and from a user's own folder; inside another composer: as that one.

    Args:
        job_name: the command, whose own groups are found too.
        config_dir: the user's folder; None: none.

    Raises:
        InputError: there is no such folder.
    """
    current = GlobalHydra.instance()
    if isinstance(current.hydra, App):
        yield current.hydra
        return
    search_path = create_config_search_path(str(CONF))
    if (CONF / job_name).is_dir():
        search_path.append(job_name, f"file://{CONF / job_name}", SearchPathQuery(provider="main"))
    if config_dir is not None:
        folder = Path(config_dir).absolute()
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}, which --config-dir names")
        search_path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
    current.clear()
    version.setbase("1.3")
    app = App.create_main_hydra2(job_name, search_path)
    try:
        yield app  # type: ignore[misc]  # Hydra's function states Hydra, and makes its own class
    finally:
        current.clear()


def check(
    config_name: str, overrides: list[str], values: bool = False, precheck: Callable[[list[DictConfig]], None] | None = None
) -> DictConfig:
    """Compose once for each value of a sweep, to name a misspelt option, or a wrong value, before anything runs.

    Args:
        config_name: without its suffix.
        overrides: as on the command line.
        values: hold them to what their constructors take, which imports these.
        precheck: refuses, before these imports, what it can of the configurations whose values are checked.

    Returns:
        the first one, with its node ``hydra``.

    Raises:
        InputError: an option does not exist, or its value is none that it takes.
    """
    first, *others = choices(overrides)
    cfgs = [compose(config_name, first, with_hydra=True)]
    _check_plugins(cfgs[0])
    given = {override.split("=")[0] for override in overrides}
    params = (cfgs[0].hydra.sweeper.get("params") or {}).items()  # a sweep that stands in a yaml
    if swept := [f"{key}={value}" for key, value in params if key not in given]:
        others = [*choices([*swept, *overrides])]
    _check_folders(cfgs[0], len(others))
    cfgs += [compose(config_name, choice, with_hydra=True) for choice in others]
    if "direction" in cfgs[0].hydra.sweeper and not all(cfg.get("metric") for cfg in cfgs):
        raise InputError("a search needs a score to go by: choose a metric= other than none, or data that bring one")
    if values and precheck:
        precheck(cfgs)
    for cfg in cfgs if values else ():
        validate(cfg, COMMANDS.get(config_name))
    return cfgs[0]


def _check_plugins(cfg: DictConfig) -> None:
    """Refuse a sweeper or launcher that is no plugin of Hydra, which it would tell by a traceback."""
    for name in ("sweeper", "launcher"):
        plugin = OmegaConf.select(cfg.hydra, f"{name}._target_")
        if not str(plugin).startswith(("hydra.", "hydra_plugins.")):
            raise InputError(f"hydra.{name}._target_={plugin} is no plugin of Hydra: choose one by hydra/{name}=NAME")


def _check_folders(cfg: DictConfig, others: int) -> None:
    """Refuse one folder for several jobs of a sweep."""
    folder = OmegaConf.to_container(cfg.hydra.sweep, resolve=False)["subdir"]  # type: ignore[call-overload, index]
    if others and "${" not in str(folder):
        raise InputError(
            f"all jobs of this sweep would lie in hydra.sweep.subdir={folder}: let it hold what tells them apart, such as "
            "'${hydra.job.num}'"
        )


def choices(overrides: list[str]) -> Iterator[list[str]]:
    """Yield the overrides with the first value of every sweep, then with each other value in its turn."""
    values = [_values(override) for override in parsed(overrides)]
    first = [options[0] for options in values]
    yield first
    for position, options in enumerate(values):
        for option in options[1:]:
            yield [*first[:position], option, *first[position + 1 :]]


def parsed(overrides: list[str]) -> list[Override]:
    """Read the overrides of a command line.

    Raises:
        InputError: one has no meaning.
    """
    with composer() as app:
        try:
            return OverridesParser.create(app.config_loader).parse_overrides(overrides)
        except HydraException as error:
            reason = ": ".join(str(error).splitlines()[:2])
            raise InputError(
                f"the command line cannot be read: {reason} (options are KEY=VALUE; quote a value with special "
                "characters twice: KEY=\"'VALUE'\")"
            ) from error


def _values(override: Override) -> list[str]:
    """Return an override for each value to try: all of a choice, the lower end of an interval."""
    key = override.get_key_element()
    if override.is_discrete_sweep():
        values = [f"{key}={value}" for value in islice(override.sweep_string_iterator(), MOST_VALUES + 1)]
        if len(values) > MOST_VALUES:
            raise InputError(
                f"{override.input_line} sweeps over more than {MOST_VALUES:,} values: give fewer, or an interval(a, b)"
            )
        return values
    if override.is_interval_sweep():
        return [f"{key}={override.value().start}"]  # type: ignore[union-attr]
    return [str(override.input_line)]


def compose(config_name: str, overrides: list[str], with_hydra: bool = False) -> DictConfig:
    """Return the configuration of these overrides.

    Args:
        config_name: without its suffix.
        overrides: as on the command line.
        with_hydra: keep the node ``hydra``.

    Raises:
        InputError: an option does not exist; names the nearest one.
    """
    try:
        with composer(config_name):
            return hydra.compose(config_name, overrides, return_hydra_config=with_hydra)
    except (HydraException, OmegaConfBaseException, AttributeError, TypeError, ValueError) as error:  # OmegaConf's, too
        raise InputError(_sentence(config_name, overrides, error)) from error
    except yaml.MarkedYAMLError as error:
        raise InputError(f"{str(error.problem_mark).strip()}: {error.problem}") from error


def _sentence(config_name: str, overrides: list[str], error: Exception) -> str:
    text = str(error)
    if found := re.search(r"Could not (?:find|load) '(.+?)/([^/']+)'", text):
        group, option = found.groups()
        with composer(config_name) as app:
            options = app.config_loader.get_group_options(group)
        extra = "; pip install 'gan_lab[sweep]' brings others" if group in ("hydra/launcher", "hydra/sweeper") else ""
        return f"there is no {group} '{option}' (choices: {', '.join(options)}){extra or nearest(option, options)}"
    if found := re.search(r"An item is already at '(.+?)'", text):
        return f"there is an option '{found.group(1)}' already: leave out the + before it"
    if "NoneType" in text and (sentence := _null_choice(config_name, overrides)):
        return sentence
    cause = error.__cause__ or error
    if found := re.search(r"Key '(.+?)' is not in struct\s+full_key: (\S+)", str(cause)):
        _, full_key = found.groups()
        return _unknown_key(config_name, overrides, full_key)
    if found := re.search(r"Could not override '(.+?)'", text):
        return _unknown_key(config_name, overrides, found.group(1))
    key = getattr(cause, "full_key", None)
    return f"{key}: {first_line(cause)}" if key else first_line(cause)


def _null_choice(config_name: str, overrides: list[str]) -> str | None:
    """Return the sentence for a group of which null was chosen."""
    with composer(config_name) as app:
        for override in parsed(overrides):
            key, value = override.key_or_group, override.value()
            if None in (value if isinstance(value, list) else [value]) and (
                options := app.config_loader.get_group_options(key)
            ):
                remedy = f", or leave it out by ~{key}" if "/" in key else ""
                return f"{override.input_line}: null is no {key} (choices: {', '.join(options)}){remedy}"
    return None


def _unknown_key(config_name: str, overrides: list[str], key: str) -> str:
    with composer(config_name) as app:
        group_exists = app.config_loader.repository.group_exists  # type: ignore[attr-defined]
        chosen = [override for override in overrides if group_exists(override.partition("=")[0])]
        if group_exists(key):
            options = ", ".join(app.config_loader.get_group_options(key))
            return f"nothing has chosen a {key} that another could replace: add one by +{key}=OPTION (choices: {options})"
    if key in _keys(config_name, []):
        return f"there is no option '{key}' with the other choices of this command (all options: --cfg job)"
    known = [each for each in _keys(config_name, chosen if len(chosen) < len(overrides) else []) if not each.endswith("_")]
    return f"there is no option '{key}'{nearest(key, known)} (all options: --cfg job; a new one: +{key}=VALUE)"


def _keys(config_name: str, overrides: list[str]) -> list[str]:
    """Return every option, ``hydra``'s too."""
    cfg = OmegaConf.to_container(compose(config_name, overrides, with_hydra=True))

    def walk(node: Any, prefix: str = "") -> Iterator[str]:
        if isinstance(node, dict):
            for key, value in node.items():
                yield f"{prefix}{key}"
                yield from walk(value, f"{prefix}{key}.")

    return [*walk(cfg)]
