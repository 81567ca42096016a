"""The wrapper around Hydra that every command shares: it finds the configs and ends errors in one sentence.

Nothing heavy is imported here, so that ``--help`` answers at once: a command names its function by a dotted path, or imports
torch inside it.
"""

import re
import sys
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import _run_hydra, create_config_search_path, get_args_parser, run_and_report
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import configure_log
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from gan_lab.cli import renamed
from gan_lab.errors import Diverged, InputError, nearest

PACKAGE = Path(__file__).parents[1]
CONF = next(folder for folder in (PACKAGE / "conf", PACKAGE.parent / "conf") if folder.is_dir())
"""The config folder: inside an installed package, else beside it in a checkout."""


def command(config_name: str, target: str | Callable[[DictConfig], Any], argv: Sequence[str] | None = None) -> None:
    """Run a function with the configuration that ``conf/<config_name>.yaml`` and the command line compose.

    Args:
        config_name: without its suffix.
        target: the function, or its dotted path ``module.function``, imported only when it runs: ``--help`` does not wait.
        argv: the command line; None: that of this process.
    """
    sys.path.insert(0, str(Path.cwd()))  # a user's own my_gan.py is found by `_target_: my_gan.MyGAN`
    given, warnings = renamed.current(sys.argv[1:] if argv is None else argv)
    for warning in warnings:
        print(f"gan_lab: {warning}", file=sys.stderr)
    parser = get_args_parser()
    args = parser.parse_intermixed_args(given)  # options may stand behind --config-dir DIR

    def task(cfg: DictConfig) -> Any:
        return explain(lambda: _resolve(target)(cfg))

    task.__module__ = f"{PACKAGE.name}.{config_name}"  # by it Hydra names the job
    version.setbase("1.3")
    told = {name for name, value in vars(args).items() if value} - {"overrides", "config_dir", "run", "multirun"}
    if args.help:
        explain(lambda: _help(config_name, args, parser))
    elif told - {"cfg", "package", "resolve"} or not explain(lambda: _run(config_name, args, task, once=not told)):
        _run_hydra(args, parser, task, str(CONF), config_name)  # hydra.main would read sys.argv


def _help(config_name: str, args: Namespace, parser: ArgumentParser) -> None:
    with composer(config_name, args.config_dir) as app:
        app.app_help(config_name, parser, args)


def _run(config_name: str, args: Namespace, task: Callable[[DictConfig], Any], once: bool) -> bool:
    """Check a command line, and call the task where it asks for ``once``; return whether it was called."""
    with composer(config_name, args.config_dir) as app:
        cfg = check(config_name, args.overrides)
        once = once and not args.multirun and cfg.hydra.mode in (None, RunMode.RUN)
        if once:
            for override in parsed(args.overrides):
                if override.is_sweep_override():
                    raise InputError(
                        f"{override.input_line} is a sweep: add -m, or write a list as {override.key_or_group}=[A,B]"
                    )
            app.composed = cfg
            run_and_report(lambda: app.run(config_name, task, args.overrides))
    return once


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
                yield (group := f"{parent}/{name}".lstrip("/"))
                yield from groups(group)

        return "".join(f"{group}: {', '.join(options(group, ObjectType.CONFIG))}\n" for group in groups() if predicate(group))


def _resolve(target: str | Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    if callable(target):
        return target
    module, _, name = target.rpartition(".")
    function: Callable[[DictConfig], Any] = getattr(import_module(module), name)
    return function


def explain(function: Callable[[], Any]) -> Any:
    """Call a function; bad input ends the command with one sentence instead of a traceback.

    Raises:
        InputError: in a job of a sweep, which ends alone.
        SystemExit: else.
    """
    try:
        return function()
    except Exception as error:
        reason = sentence(error)
        if reason is None:
            raise
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise InputError(reason)  # ends this job alone: Hydra runs the others and then fails
    return sys.exit(f"gan_lab: {reason}")


def sentence(error: BaseException) -> str | None:
    """Return the mistake in the input in one sentence; None of an error that is none of the user's input."""
    if isinstance(error, InputError | Diverged):
        return str(error)
    if isinstance(error, InterpolationResolutionError):
        return f"{getattr(error, 'full_key', None) or 'an option'}: {_first_line(error)}"
    if isinstance(error, InstantiationException):  # Hydra wraps what a constructor raises
        return _failed_constructor(error)
    if isinstance(error, ImportError) and str(error).startswith("Error loading '"):  # Hydra cannot import a _target_
        return _failed_import(error)
    return None


def _failed_constructor(error: InstantiationException) -> str:
    """Return what a constructor refused, in one line, with its place in the configuration."""
    cause = error.__cause__
    if isinstance(cause, InputError):
        return str(cause)
    reason = (sentence(cause) if cause else None) or _first_line(cause or error)
    place = re.search(r"full_key: (\S+)", str(error))
    return f"{place.group(1)}: {reason}" if place else reason


def _failed_import(error: ImportError) -> str:
    """Return the target that cannot be imported, and where and why the import of its file fails."""
    target, cause = _first_line(error).rstrip(":"), error.__cause__ or error
    if isinstance(cause, SyntaxError):
        return f"{target}: {cause.filename}, line {cause.lineno}: {type(cause).__name__}: {cause.msg}"
    frames = [frame for frame in traceback.extract_tb(cause.__traceback__) if not _is_import_system(frame.filename)]
    place = f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames else ""
    kind = "" if isinstance(cause, ImportError) else f"{type(cause).__name__}: "
    return f"{target}: {place}{kind}{_first_line(cause)}"


def _is_import_system(filename: str) -> bool:
    return filename.startswith(("<frozen importlib", hydra.__path__[0])) or filename == import_module.__code__.co_filename


def check(config_name: str, overrides: list[str]) -> DictConfig:
    """Compose once for each value of a sweep, to name a misspelt option before anything runs.

    Returns:
        the first one, with its node ``hydra``.

    Raises:
        InputError: an option does not exist.
    """
    first, *others = choices(overrides)
    cfgs = [compose(config_name, first, with_hydra=True)]
    given = {override.split("=")[0] for override in overrides}
    params = (cfgs[0].hydra.sweeper.get("params") or {}).items()  # a sweep that stands in a yaml
    if swept := [f"{key}={value}" for key, value in params if key not in given]:
        others = [*choices([*swept, *overrides])]
    cfgs += [compose(config_name, choice, with_hydra=True) for choice in others]
    if "direction" in cfgs[0].hydra.sweeper and not all(cfg.get("metric") for cfg in cfgs):
        raise InputError("a search needs a score to go by: choose a metric= other than none, or data that bring one")
    return cfgs[0]


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
            raise InputError(
                f"the command line cannot be read: {_first_line(error)} (options are KEY=VALUE; quote a value with special "
                "characters twice: KEY=\"'VALUE'\")"
            ) from error


def _values(override: Override) -> list[str]:
    """Return an override for each value to try: all of a choice, the lower end of an interval."""
    key = override.get_key_element()
    if override.is_discrete_sweep():
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    if override.is_interval_sweep():
        return [f"{key}={override.value().start}"]  # type: ignore[union-attr]
    return [str(override.input_line)]


@contextmanager
def composer(job_name: str = "app", config_dir: str | None = None) -> Iterator[App]:
    """Make Hydra ready to compose from `CONF`, and from a user's own folder; inside another composer: as that one.

    Raises:
        InputError: there is no such folder.
    """
    current = GlobalHydra.instance()
    if isinstance(current.hydra, App):
        yield current.hydra
        return
    search_path = create_config_search_path(str(CONF))
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
        with composer():
            return hydra.compose(config_name, overrides, return_hydra_config=with_hydra)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise InputError(_sentence(config_name, overrides, error)) from error
    except yaml.MarkedYAMLError as error:
        raise InputError(f"{str(error.problem_mark).strip()}: {error.problem}") from error


def _sentence(config_name: str, overrides: list[str], error: Exception) -> str:
    text = str(error)
    if found := re.search(r"Could not (?:find|load) '(.+?)/([^/']+)'", text):
        group, option = found.groups()
        with composer() as app:
            options = app.config_loader.get_group_options(group)
        extra = "; pip install 'gan_lab[sweep]' brings others" if group in ("hydra/launcher", "hydra/sweeper") else ""
        return f"there is no {group} '{option}' (choices: {', '.join(options)}){extra or nearest(option, options)}"
    cause = error.__cause__ or error
    if found := re.search(r"Key '(.+?)' is not in struct\s+full_key: (\S+)", str(cause)):
        _, full_key = found.groups()
        return _unknown_key(config_name, overrides, full_key)
    if found := re.search(r"Could not override '(.+?)'", text):
        return _unknown_key(config_name, overrides, found.group(1))
    return _first_line(cause)


def _unknown_key(config_name: str, overrides: list[str], key: str) -> str:
    with composer() as app:
        group_exists = app.config_loader.repository.group_exists  # type: ignore[attr-defined]
        chosen = [override for override in overrides if group_exists(override.partition("=")[0])]
    cfg = compose(config_name, chosen if len(chosen) < len(overrides) else [], with_hydra=key.startswith("hydra."))
    known = [*_keys(OmegaConf.to_container(cfg))]
    if key not in known and key in _keys(OmegaConf.to_container(compose(config_name, []))):
        return f"there is no option '{key}' with the other choices of this command (all options: --cfg job)"
    return f"there is no option '{key}'{nearest(key, known)} (all options: --cfg job; a new one: +{key}=VALUE)"


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}{key}"
            yield from _keys(value, f"{prefix}{key}.")


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
