"""The wrapper around Hydra that every command shares: it finds the configs and ends errors in one sentence.

Nothing heavy is imported here, so that ``--help`` answers at once: a command names its function by a dotted path, or imports
torch inside it.
"""

import errno
import os
import re
import sys
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
from hydra import version
from hydra._internal.utils import _run_hydra, get_args_parser, run_and_report
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue

from gan_lab.cli import renamed
from gan_lab.cli.compose import CONF, PACKAGE, check, composer, parsed
from gan_lab.errors import Diverged, InputError, first_line, nearest
from gan_lab.run_folder import RunFolder

NO_PLACE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
"""Errors of a place that cannot be written to, which a user can mend."""


def command(
    config_name: str,
    target: str | Callable[[DictConfig], Any],
    argv: Sequence[str] | None = None,
    precheck: Callable[[list[DictConfig]], None] | None = None,
) -> None:
    """Run a function with the configuration that ``conf/<config_name>.yaml`` and the command line compose.

    Args:
        config_name: without its suffix.
        target: the function, or its dotted path ``module.function``, imported only when it runs: ``--help`` does not wait.
        argv: the command line; None: that of this process.
        precheck: see `gan_lab.cli.compose.check`.
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
    flags = {name for name, value in vars(args).items() if value} - {"overrides", "config_dir", "run", "multirun"}
    try:
        if args.help:
            explain(lambda: _help(config_name, args, parser))
        elif flags - {"cfg", "package", "resolve"} or not explain(lambda: _run(config_name, args, task, not flags, precheck)):
            _run_hydra(args, parser, task, str(CONF), config_name)  # hydra.main would read sys.argv
    except KeyboardInterrupt:
        print("\ngan_lab: stopped", file=sys.stderr)
        sys.exit(130)  # as a shell reports a Ctrl-C


def _help(config_name: str, args: Namespace, parser: ArgumentParser) -> None:
    with composer(config_name, args.config_dir) as app:
        app.app_help(config_name, parser, args)
    sys.exit()


def _run(
    config_name: str,
    args: Namespace,
    task: Callable[[DictConfig], Any],
    plain: bool,
    precheck: Callable[[list[DictConfig]], None] | None,
) -> bool:
    """Check a command line, and call the task if it asks for one run and, ``plain``, nothing else; return whether it did."""
    with composer(config_name, args.config_dir) as app:
        cfg = check(config_name, args.overrides, plain, precheck)
        if not plain:
            return False
        is_sweep = args.multirun or cfg.hydra.mode == RunMode.MULTIRUN
        place = check_place(OmegaConf.to_container(cfg.hydra)["sweep" if is_sweep else "run"]["dir"])  # type: ignore[call-overload,index]
        if is_sweep:
            return False
        for override in parsed(args.overrides):
            if override.is_sweep_override():
                raise InputError(f"{override.input_line} is a sweep: add -m, or write a list as {override.key_or_group}=[A,B]")
        app.composed = cfg
        run_and_report(
            lambda: explain(lambda: app.run(config_name, tidy(task, place), args.overrides))
        )  # of Hydra's own folders, too
    return True


def tidy(task: Callable[[DictConfig], Any], place: Path) -> Callable[[DictConfig], Any]:
    """Wrap a task so that one that ends before it has begun takes back the folders that were made for it below ``place``."""

    @wraps(task)
    def run(cfg: DictConfig) -> Any:
        try:
            return task(cfg)
        except BaseException:
            RunFolder(HydraConfig.get().runtime.output_dir).discard_unstarted(place)
            raise

    return run


def check_place(folder: str, key: str = "hydra.run.dir") -> Path:
    """Refuse a folder, which may be computed from some part on, that cannot be made or written to.

    Args:
        folder: its path.
        key: the option that names it.

    Returns:
        the innermost folder around it, or itself, that is there already.
    """
    if not folder:
        raise InputError(f"{key} is empty: give {key}=FOLDER, or . for the folder that you are in")
    known = Path(folder.partition("${")[0]).absolute()
    place = next(path for path in (known, *known.parents) if path.exists() or path.is_symlink())
    if not place.exists():
        raise InputError(f"'{place}' is a link that leads nowhere: give another {key}=")
    if not place.is_dir():
        raise InputError(f"'{place}' is a file, and a folder is to be made there: give another {key}=")
    if not os.access(place, os.W_OK):
        raise InputError(f"you may not write into '{place}': give another {key}=")
    return place


def _resolve(target: str | Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    if callable(target):
        return target
    module, _, name = target.rpartition(".")
    function: Callable[[DictConfig], Any] = getattr(import_module(module), name)
    return function


def output_file(path: str, key: str) -> Path:
    """Return the path of a file that a command writes at its end, in a folder that is made now; refuse a place for none.

    Args:
        path: of the file.
        key: the option that names it.
    """
    if Path(path).is_dir():
        raise InputError(f"{key}={path} is a folder: name a file in it")
    folder = Path(path).parent
    check_place(str(folder), key)
    folder.mkdir(parents=True, exist_ok=True)
    return Path(path)


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
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} is missing: give {error.full_key}=VALUE"
    if isinstance(error, InterpolationResolutionError):
        return f"{error.full_key}: {first_line(error)}"
    if isinstance(error, InstantiationException):  # Hydra wraps what a constructor raises
        return _failed_constructor(error)
    if isinstance(error, FileNotFoundError) and error.filename and not Path(error.filename).parent.exists():
        return f"the folder '{Path(error.filename).parent}' is not there, or no longer: nothing can be kept in it; start anew"
    if isinstance(error, OSError) and error.errno in NO_PLACE:
        place = f"'{error.filename}' cannot be written" if error.filename else "a file cannot be written"
        remedy = (
            "make room, or name another place (hydra.run.dir=DIR, or out= where a command has it; TMPDIR for what is passing)"
        )
        return f"{place}: {error.strerror}; {remedy}"
    if isinstance(error, ImportError) and str(error).startswith("Error loading '"):  # Hydra cannot import a _target_
        return _failed_import(error)
    return None


def _failed_constructor(error: InstantiationException) -> str:
    """Return what a constructor refused, in one line, with its place in the configuration."""
    cause = error.__cause__
    if isinstance(cause, InputError):
        return str(cause)
    reason = (sentence(cause) if cause else None) or _failed_target(str(error)) or first_line(cause or error)
    place = re.search(r"full_key: (\S+)", str(error))
    return f"{place.group(1)}: {reason}" if place else reason


def _failed_target(text: str) -> str | None:
    """Return why Hydra calls no such target; None where it said something else."""
    if found := re.match(r"Target '(.+?)' is blocklisted", text):
        return f"no configuration may call {found[1]}, which runs any command: name another _target_"
    if found := re.match(r"Expected a callable target, got '(.*)' of type '(\w+)'", text):
        name = found[1].split("'")[1] if found[2] == "module" else found[1]
        return f"{name} is no class and no function: give _target_=module.Name"
    if "Empty path" in text or text.startswith("Error locating target"):
        return "the _target_ is no name of a class or function: give _target_=module.Name"
    return None


def _failed_import(error: ImportError) -> str:
    """Return the target that cannot be imported, and where and why the import of its file fails."""
    target, cause = first_line(error).rstrip(":"), error.__cause__ or error
    if isinstance(cause, SyntaxError):
        return f"{target}: {cause.filename}, line {cause.lineno}: {type(cause).__name__}: {cause.msg}"
    module, _, name = (getattr(cause, "name", None) or "").rpartition(".")
    if isinstance(cause, ModuleNotFoundError) and f"'{cause.name}'" in target and module in sys.modules:
        return f"{target}: {module} has no '{name}'{nearest(name, dir(sys.modules[module]))}"
    frames = [frame for frame in traceback.extract_tb(cause.__traceback__) if not _is_import_system(frame.filename)]
    place = f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames else ""
    kind = "" if isinstance(cause, ImportError) else f"{type(cause).__name__}: "
    return f"{target}: {place}{kind}{first_line(cause)}"


def _is_import_system(filename: str) -> bool:
    return filename.startswith(("<frozen importlib", hydra.__path__[0])) or filename == import_module.__code__.co_filename
