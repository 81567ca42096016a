"""Folders of the Hugging Face Hub: a whole GAN without a pickle, its generator for torch alone, and a model card."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_lab import atomic, trust
from gan_lab.errors import InputError, first_line
from gan_lab.export import loader
from gan_lab.export.card import card, judgements
from gan_lab.export.format import safetensors
from gan_lab.export.generator import Exported
from gan_lab.model.gan import GAN
from gan_lab.training import checkpoint
from gan_lab.training.build import PARTS, build

ADDRESS, WEIGHTS = "hf://", "gan.safetensors"
MOST_SAMPLES = 64


def check(repo: str) -> None:
    """Refuse a name that is none of the Hub, or a missing package, before anything is written."""
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise InputError(f"push_to_hub={repo} is no repository of the Hub: give push_to_hub=USER/NAME")
    _hub("push_to_hub=")


def write(gan: GAN, artifact: Exported, path: Path, folder: Path, repo: str, license: str | None) -> None:
    """Write what the Hub shows and `load` reads, beside the files of the formats.

    Args:
        gan: in evaluation mode.
        artifact: its generator.
        path: of the checkpoint, by which its run folder is found.
        folder: where to.
        repo: USER/NAME.
        license: the identifier of a licence on the Hub; None: none is stated.
    """
    content = checkpoint.read(path)
    safetensors.save(gan, folder / WEIGHTS, {"config": content["config"]})
    atomic.write_text(folder / "config.yaml", OmegaConf.to_yaml(artifact.cfg, resolve=True))
    display = checkpoint.display_of(artifact.cfg)
    samples = f"samples{display.suffix}"
    options: dict[str, Any] = {"ema": artifact.contract.ema, "truncation": artifact.contract.truncation}
    display.save(gan.sample(MOST_SAMPLES, **options).cpu(), folder / samples, columns=gan.columns)
    facts = {
        "title": repo.partition("/")[2],
        "repo": repo,
        "license": license,
        "model": type(gan).__module__.rpartition(".")[2],
        "data": _choice(content["overrides"], "data"),
        "samples": samples if display.suffix == ".png" else None,
        "seed": gan.seed,
        "contract": artifact.contract,
        "scores": judgements(path.parents[1]) if path.parent.name == "checkpoints" else [],
        "overrides": content["overrides"],
    }
    atomic.write_text(folder / "README.md", card(**facts))


def push(folder: Path, repo: str) -> str:
    """Upload a folder; return what has become of it, in a sentence. Without a login the folder stays, ready for a later one."""
    hub = _hub("push_to_hub=")
    if hub.get_token() is None:
        return (
            f"there is no login to the Hugging Face Hub, so '{folder}' was written and not uploaded: "
            f"hf auth login, then hf upload {repo} {folder}"
        )
    try:
        hub.create_repo(repo, exist_ok=True)
        return f"uploaded to {hub.upload_folder(folder_path=folder, repo_id=repo)}"
    except (hub.errors.HfHubHTTPError, OSError) as error:
        raise InputError(
            f"the Hub did not take '{folder}' ({first_line(error)}): it is kept; hf upload {repo} {folder} tries again"
        ) from error


def load(address: str | Path, trusted: Collection[str] = ()) -> GAN:
    """Return the GAN of a folder that `write` made, or of ``hf://USER/NAME``, in evaluation mode on the CPU.

    Raises:
        InputError: there is no such repository or folder, it lacks the file, or the file asks for other code than gan_lab's.
    """
    path = (_fetched(str(address)) if str(address).startswith(ADDRESS) else Path(address)) / WEIGHTS
    if not path.is_file():
        raise InputError(f"'{address}' holds no {WEIGHTS}, which gan_lab.export push_to_hub=USER/NAME writes")
    try:
        metadata, weights = loader.read(path)
        config, states = json.loads(metadata["config"]), json.loads(metadata["states"])
    except (ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"'{path}' is broken, or was not written by gan_lab ({first_line(error)})") from error
    cfg = OmegaConf.create(config)
    trust.check(cfg, path, trusted, [*PARTS, "display"])
    try:
        gan = build(cfg)
        gan.load_state_dict(weights | states)
    except (OmegaConfBaseException, AttributeError, KeyError, TypeError, RuntimeError) as error:
        raise InputError(f"'{path}' makes no GAN: {first_line(error)}") from error
    return gan.eval()


def _fetched(address: str) -> Path:
    hub = _hub(address)
    repo = address.removeprefix(ADDRESS)
    try:
        return Path(hub.snapshot_download(repo, allow_patterns=[WEIGHTS]))
    except (hub.errors.HfHubHTTPError, hub.errors.LocalEntryNotFoundError, hub.errors.HFValidationError, OSError) as error:
        raise InputError(
            f"'{address}' cannot be fetched ({first_line(error)}): give hf://USER/NAME of a public repository, or log in "
            "(hf auth login)"
        ) from error


def _hub(wanted_by: str) -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise InputError(f"{wanted_by} needs the package huggingface_hub: pip install 'gan_lab[hub]'") from error
    return huggingface_hub


def _choice(overrides: list[str], group: str) -> str | None:
    return next((each.partition("=")[2] for each in overrides if each.startswith(f"{group}=")), None)
