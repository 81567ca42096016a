"""Write the files of an export into a folder."""

from collections.abc import Callable, Mapping
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from gan_lab.cli.command import check_place
from gan_lab.errors import InputError, pick
from gan_lab.export import hub
from gan_lab.export.format import onnx, safetensors, torch_export
from gan_lab.export.generator import Exported, exported
from gan_lab.run_folder import find_checkpoint
from gan_lab.training import checkpoint

FORMATS: Mapping[str, Callable[[Exported, Path], list[Path]]] = {
    "safetensors": safetensors.write,
    "onnx": onnx.write,
    "torch_export": torch_export.write,
}
"""Writers of the files of each format into a folder, which return these."""


def export(cfg: DictConfig) -> None:
    """Write the generator of a run in each ``format``."""
    if cfg.run is None:
        raise InputError("run= is missing: give run=outputs/MODEL-DATA/DATE_TIME, or run=FILE.ckpt")
    pick({"best": 0, "last": 0}, cfg.checkpoint, "checkpoint")
    writers = [pick(FORMATS, name, "format") for name in ([cfg.format] if isinstance(cfg.format, str) else cfg.format)]
    if cfg.push_to_hub:
        hub.check(cfg.push_to_hub)
        writers = [safetensors.write, *(write for write in writers if write is not safetensors.write)]  # the card names it
    path = find_checkpoint(cfg.run, cfg.checkpoint)
    folder = Path(
        cfg.out or (Path(cfg.run) if Path(cfg.run).is_dir() else path.parent) / ("hub" if cfg.push_to_hub else "exported")
    )
    check_place(str(folder), "out")
    gan, made_by = checkpoint.load(path, trusted=cfg.trust)
    artifact = exported(gan, made_by, cfg.ema, cfg.truncation)
    folder.mkdir(parents=True, exist_ok=True)
    written = [file for write in writers for file in write(artifact, folder)]
    contract = artifact.contract
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.print(f"{path} at {gan.images_seen:,} images -> {', '.join(map(str, written))}")
    labels = f", y (N,) below {contract.num_classes}" if contract.num_classes else ""
    labels = f", y (N, {contract.label_dim})" if contract.label_dim else labels
    shape = ", ".join(map(str, contract.shape))
    console.print(f"z (N, {contract.latent_dim}), {contract.latents}{labels} -> (N, {shape})")
    if cfg.push_to_hub:
        hub.write(gan, artifact, path, folder, cfg.push_to_hub, cfg.license)
        console.print(hub.push(folder, cfg.push_to_hub))
