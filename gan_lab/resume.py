"""``resume=``: which command line, folder and configuration a run goes on with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from gan_lab.errors import InputError

LENGTHS = ("max_images", "max_g_steps", "max_epochs")


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
    run = next((arg.removeprefix("resume=") for arg in argv if arg.startswith("resume=")), "auto")
    if run in ("auto", "null"):
        return argv
    from gan_lab import checkpoint

    former = checkpoint.read(checkpoint.find(run, "last"))["overrides"]
    folder = [f"hydra.run.dir='{run}'"] if Path(run).is_dir() else []
    return [*folder, *(_last(former) | _last(argv)).values()]


def take_up(cfg: DictConfig, overrides: list[str], folder: Path) -> tuple[DictConfig, Resumed | None]:
    """The configuration to run, and the checkpoint to go on from, if any.

    Args:
        cfg: composed from `arguments`.
        overrides: the command line of that composition.
        folder: the run folder.
    """
    last = folder / "checkpoints" / "last.ckpt"
    if cfg.resume is None or (cfg.resume == "auto" and not last.is_file()):
        return cfg, None
    from gan_lab import checkpoint

    path = last if cfg.resume == "auto" else checkpoint.find(cfg.resume, "last")
    content = checkpoint.read(path)
    images_seen = content["state_dict"]["_extra_state"]["images_seen"]
    if cfg.resume == "auto":
        return cfg, Resumed(path, images_seen, [])
    stored = OmegaConf.create(content["config"])
    former = _last(content["overrides"])
    new = [key for key, override in _last(overrides).items() if former.get(key) != override and key != "resume"]
    if set(LENGTHS) & set(new):  # a length given now replaces the former one, whatever its unit
        stored.update(dict.fromkeys(set(LENGTHS) - set(new)))
    changes = [line for key in new for line in _take_over(stored, cfg, key)]
    return stored, Resumed(path, images_seen, changes)


def _key(override: str) -> str:
    """Where an override puts its value: ``model.clip`` of ``model.clip=0.1``, ``model.latent`` of ``model/latent=sphere``."""
    return override.split("=")[0].lstrip("+~").split("@")[0].replace("/", ".")


def _last(overrides: list[str]) -> dict[str, str]:
    """The override that counts for each place: the last one."""
    return {_key(override): override for override in overrides}


def _take_over(stored: DictConfig, cfg: DictConfig, key: str) -> list[str]:
    """Copy one node of this command's configuration into the stored one; what changed, in words."""
    before, after = OmegaConf.select(stored, key), OmegaConf.select(cfg, key)
    if key == "model" and before._target_ != after._target_:
        raise InputError(
            f"the checkpoint is one of {before._target_}, and model= asks for {after._target_}: "
            "leave out model= to go on, or leave out resume= to start afresh"
        )
    OmegaConf.update(stored, key, after, force_add=True)
    return [] if before == after else [f"{key}: {_plain(before)} -> {_plain(after)}"]


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node
