"""Resume a run: find its command line, folder, configuration and checkpoint."""

import copy
import re
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig, OmegaConf

from gan_lab import trust
from gan_lab.errors import InputError
from gan_lab.run_folder import RunFolder, find_checkpoint, flatten
from gan_lab.training.config import CADENCES, COMPUTED

LENGTHS = ("max_images", "max_g_steps", "max_epochs")
SETTLED = (*CADENCES, *COMPUTED, "resume", "init_from", "trust", "data.characters", "class_names")
"""What the command itself writes into a configuration."""


@dataclass
class Resumed:
    """A checkpoint to go on from.

    Attributes:
        path: the file.
        images_seen: where it stands.
        rows: of metrics.csv when it was written; None: not known.
        stored: its configuration.
        run: that of this command, which goes on to write into it what data and folder decide.
    """

    path: Path
    images_seen: int
    rows: int | None
    stored: DictConfig
    run: DictConfig

    def is_of(self, folder: Path) -> bool:
        """Return whether the checkpoint is one of this run folder."""
        return self.path.absolute().parent == RunFolder(folder.absolute()).checkpoints

    @property
    def changes(self) -> list[str]:
        """What this command changes in its configuration, one line each."""
        return differences(self.stored, self.run)


def arguments(argv: list[str]) -> list[str]:
    """Return the arguments of a resumed run: those that made the checkpoint, then these, in the run's folder.

    So that a group chosen then (``model=wgan_gp``) is there before a value in it is changed now (``optimizer.d.lr=1e-4``).
    """
    run = _run(argv)
    if run in (None, "auto", "null"):
        return argv
    from gan_lab.training import checkpoint

    former = _safe(checkpoint.read(path := find_checkpoint(run, "last"))["overrides"], path)
    folder = ["hydra.run.dir=" + _quoted(run)] if Path(run).is_dir() else []
    run = str(Path(run).absolute())  # a run may change into its folder
    new = [f"resume={_quoted(run)}" if arg.startswith("resume=") else arg for arg in argv]
    flags = [arg for arg in new if arg.startswith("-") or "=" not in arg]  # with their values, as --config-dir DIR
    now = _last([arg for arg in new if arg not in flags])
    overrides = [*folder, *(_without_lost(_last(former), now, flags) | now).values()]
    _check_targets(overrides, flags, path)
    return [*overrides, *flags]


def load_resume_config(cfg: DictConfig, overrides: list[str], folder: Path) -> tuple[DictConfig, Resumed | None]:
    """Return the configuration to run, and the checkpoint to go on from, if any.

    ``resume=auto`` runs this command's configuration, any other the checkpoint's with this command's overrides.

    Args:
        cfg: composed from `arguments`.
        overrides: the command line of that composition.
        folder: the run folder.
    """
    held = RunFolder(folder)
    if cfg.resume is None and (held.metrics.is_file() or any(held.checkpoints.glob("*.ckpt"))):  # of before the first row
        raise InputError(f"'{folder}' holds a run already: give resume={folder} to go on, or another hydra.run.dir=")
    if (path := _path(cfg.resume, folder)) is None:
        return cfg, None
    from gan_lab.training import checkpoint

    content = checkpoint.read(path)
    stored, run = OmegaConf.create(content["config"]), cfg
    if cfg.resume != "auto":
        former = _last(content["overrides"])
        new = [key for key, override in _last(overrides).items() if former.get(key) != override and key != "resume"]
        if "init_from" in new:
            raise InputError(
                "init_from= gives a new run its first weights, and resume= goes on with its own: leave out one of them"
            )
        run = _changed(stored, cfg, new)
        trust.check(run, path, cfg.trust)
    _check_networks(stored, run)
    _keep_pace(stored, run)
    return run, Resumed(path, content["state_dict"]["_extra_state"]["images_seen"], content.get("rows"), stored, run)


def differences(stored: DictConfig, run: DictConfig) -> list[str]:
    """Return the differences between two configurations, a line for each value."""
    before, after = (dict(flatten(OmegaConf.to_container(cfg))) for cfg in (stored, run))
    keys = [key for key in before | after if not {key, key.split(".")[0]} & {*SETTLED} and before.get(key) != after.get(key)]
    return [f"{key}: {before.get(key)} -> {after.get(key)}" for key in keys]


def _safe(overrides: list[str], path: Path) -> list[str]:
    """Return the command line in a checkpoint without what is computed or said anew (trust); refuse one that changes Hydra."""
    for override in overrides:
        if not isinstance(override, str) or override.startswith("-") or re.match(r"[^=]*hydra", override):
            raise InputError(f"'{path}' was not written by gan_lab: its command line holds {override}")
    return [override for override in overrides if _key(override) not in ("trust", *COMPUTED)]


def _without_lost(former: dict[str, str], now: dict[str, str], flags: list[str]) -> dict[str, str]:
    """Return the former overrides without values in groups that are chosen anew and have no such option any more."""
    from gan_lab.cli.compose import choices, compose, composer

    chosen = tuple(f"{key}." for key, override in now.items() if former.get(key) != override)
    inside = {key for key in former.keys() - now.keys() if key.startswith(chosen)}
    if not inside:
        return former
    with composer("train", get_args_parser().parse_known_args(flags)[0].config_dir):
        rest = [override for key, override in (former | now).items() if key not in inside]
        cfg = compose("train", next(choices(rest)))

    def is_there(key: str, override: str) -> bool:
        parent = OmegaConf.select(cfg, key.rpartition(".")[0])
        return OmegaConf.is_dict(parent) and (override.startswith("+") or key.rpartition(".")[2] in parent)

    return {key: override for key, override in former.items() if key not in inside or is_there(key, override)}


def _check_targets(overrides: list[str], flags: list[str], path: Path) -> None:
    """Refuse targets that only the command line in a checkpoint names: the check of the options would import them."""
    from gan_lab.cli.compose import choices, compose, composer

    args = get_args_parser().parse_known_args(flags)[0]
    with composer("train", args.config_dir):
        for choice in choices(overrides):
            cfg = compose("train", choice)
            trust.check(cfg, path, cfg.trust if OmegaConf.is_list(cfg.trust) else ())


def _run(argv: list[str]) -> str | None:
    """Return the value of ``resume=``, without the quotes that Hydra may need."""
    values = [arg.removeprefix("resume=") for arg in argv if arg.startswith("resume=")]
    return values[-1].strip("'\"") if values else None


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _path(resume: str | None, folder: Path) -> Path | None:
    """Return the checkpoint; with auto the last good one of the folder, or None if it holds none at all."""
    from gan_lab.cli.console import say
    from gan_lab.training import checkpoint

    if resume != "auto":
        return None if resume is None else find_checkpoint(resume, "last")
    broken = []
    run = RunFolder(folder)
    paths = [run.checkpoints / "last.ckpt", *reversed(run.history().values()), run.checkpoints / "best.ckpt"]
    for path in filter(Path.is_file, paths):
        try:
            checkpoint.read(path)
        except InputError as error:
            broken.append(str(error))
            continue
        for fault in broken:
            say(f"{fault}: going on from {path}")
        return path
    if broken:
        raise InputError(f"{broken[0]}, so there is nothing to go on from: remove '{folder}' to start anew")
    return None


def _changed(stored: DictConfig, cfg: DictConfig, keys: list[str]) -> DictConfig:
    """Return a copy of the stored configuration with this command's nodes at these keys."""
    run = copy.deepcopy(stored)
    if set(LENGTHS) & set(keys):  # a length given now replaces the former one, whatever its unit
        run.update(dict.fromkeys(LENGTHS))
    judging = ["metric", "extractor", "primary"] if {"data", "metric", "extractor"} & set(keys) else []  # data choose them
    if {"data", "data.root", "data.num_classes", "data.attributes"} & set(keys):  # other data have their own
        run.update({"class_names": None})
    for key in [*keys, *judging]:
        OmegaConf.update(run, key, OmegaConf.select(cfg, key), merge=False, force_add=True)
    return run


def _check_networks(stored: DictConfig, run: DictConfig) -> None:
    for key in ("model", "network.generator", "network.discriminator"):
        was, wanted = (OmegaConf.select(cfg, f"{key}._target_") for cfg in (stored, run))
        if was != wanted:
            raise InputError(
                f"the checkpoint's {key} is {was}, and this command asks for {wanted}: "
                f"leave out {key.split('.')[0]}= to go on, or leave out resume= to start afresh"
            )


def _keep_pace(stored: DictConfig, run: DictConfig) -> None:
    """Let growth go on as in the stored run where this one has another length: else a longer one would shrink its networks."""
    was, now = (OmegaConf.select(cfg, "model.growth") for cfg in (stored, run))
    if was and now and OmegaConf.is_interpolation(now, "total_images") and any(stored[key] != run[key] for key in LENGTHS):
        now.total_images = was.total_images


def _key(override: str) -> str:
    """Return the key of an override: ``model.clip`` of ``model.clip=0.1``, ``model.latent`` of ``model/latent=sphere``."""
    return override.split("=")[0].lstrip("+~").split("@")[0].replace("/", ".")


def _last(overrides: list[str]) -> dict[str, str]:
    """Return the last override of each key, which is the one that counts."""
    return {_key(override): override for override in overrides}
