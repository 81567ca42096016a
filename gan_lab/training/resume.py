"""``resume=``: which command line, folder and configuration a run goes on with."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gan_lab.errors import InputError
from gan_lab.training.config import CADENCES

LENGTHS = ("max_images", "max_g_steps", "max_epochs")
SETTLED = (*CADENCES, "folder", "total_images", "primary_mode", "resume")
"""What the command itself writes into a configuration."""


@dataclass
class Resumed:
    """A checkpoint to go on from.

    Attributes:
        path: the file.
        images_seen: where it stands.
        changes: what this command changes in its configuration, one line each.
    """

    path: Path
    images_seen: int
    changes: list[str]


def arguments(argv: list[str]) -> list[str]:
    """The command line behind a resumed run: the one that made the checkpoint, then this one, in the run's folder.

    So that a group chosen then (``model=wgan_gp``) is there before a value in it is changed now (``optimizer.d.lr=1e-4``).
    """
    run = _run(argv)
    if run in (None, "auto", "null"):
        return argv
    from gan_lab.training import checkpoint

    former = checkpoint.read(checkpoint.find(run, "last"))["overrides"]
    folder = ["hydra.run.dir=" + _quoted(run)] if Path(run).is_dir() else []
    new = [f"resume={_quoted(run)}" if arg.startswith("resume=") else arg for arg in argv]
    flags = [arg for arg in new if arg.startswith("-") or "=" not in arg]  # with their values, as --config-dir DIR
    return [*folder, *(_last(former) | _last([arg for arg in new if arg not in flags])).values(), *flags]


def load_resume_config(cfg: DictConfig, overrides: list[str], folder: Path) -> tuple[DictConfig, Resumed | None]:
    """The configuration to run, and the checkpoint to go on from, if any.

    ``resume=auto`` runs this command's configuration, any other the checkpoint's with this command's overrides.

    Args:
        cfg: composed from `arguments`.
        overrides: the command line of that composition.
        folder: the run folder.
    """
    if cfg.resume is None and (folder / "metrics.csv").is_file():
        raise InputError(f"'{folder}' holds a run already: give resume={folder} to go on, or another hydra.run.dir=")
    if (path := _path(cfg.resume, folder)) is None:
        return cfg, None
    from gan_lab.training import checkpoint

    content = checkpoint.read(path)
    stored, run = OmegaConf.create(content["config"]), cfg
    if cfg.resume != "auto":
        former = _last(content["overrides"])
        new = [key for key, override in _last(overrides).items() if former.get(key) != override and key != "resume"]
        run = _changed(stored, cfg, new)
    _check_networks(stored, run)
    return run, Resumed(path, content["state_dict"]["_extra_state"]["images_seen"], differences(stored, run))


def differences(stored: DictConfig, run: DictConfig) -> list[str]:
    """What another configuration changes, a line for each value."""
    before, after = leaves(OmegaConf.to_container(stored)), leaves(OmegaConf.to_container(run))
    keys = [key for key in before | after if key.split(".")[0] not in SETTLED and before.get(key) != after.get(key)]
    return [f"{key}: {before.get(key)} -> {after.get(key)}" for key in keys]


def _run(argv: list[str]) -> str | None:
    """The value of ``resume=``, without the quotes that Hydra may ask for."""
    values = [arg.removeprefix("resume=") for arg in argv if arg.startswith("resume=")]
    return values[-1].strip("'\"") if values else None


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _path(resume: str | None, folder: Path) -> Path | None:
    """The checkpoint; with auto the last good one of the folder, if there is one."""
    from gan_lab.training import checkpoint

    if resume != "auto":
        return None if resume is None else checkpoint.find(resume, "last")
    for path in (folder / "checkpoints" / name for name in ("last.ckpt", "best.ckpt")):
        try:
            checkpoint.read(path)
        except InputError:
            continue
        return path
    return None


def _changed(stored: DictConfig, cfg: DictConfig, keys: list[str]) -> DictConfig:
    """A copy of the stored configuration with the nodes at these keys as this command has them."""
    run = copy.deepcopy(stored)
    if set(LENGTHS) & set(keys):  # a length given now replaces the former one, whatever its unit
        run.update(dict.fromkeys(LENGTHS))
    judging = ["metric", "extractor", "primary"] if {"data", "metric", "extractor"} & set(keys) else []  # data choose them
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


def _key(override: str) -> str:
    """Where an override puts its value: ``model.clip`` of ``model.clip=0.1``, ``model.latent`` of ``model/latent=sphere``."""
    return override.split("=")[0].lstrip("+~").split("@")[0].replace("/", ".")


def _last(overrides: list[str]) -> dict[str, str]:
    """The override that counts for each place: the last one."""
    return {_key(override): override for override in overrides}


def leaves(node: Any, prefix: str = "") -> dict[str, Any]:
    """Every value by its full key."""
    if not isinstance(node, dict):
        return {prefix.removesuffix("."): node}
    return {key: leaf for name, child in node.items() for key, leaf in leaves(child, f"{prefix}{name}.").items()}
