"""Decode a data set once, for all runs: ``python -m gan_lab.prepare data=image_folder data.root=DIR data.image_size=64``."""

import math
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig

from gan_lab.cli.command import command
from gan_lab.cli.words import count
from gan_lab.errors import InputError
from gan_lab.training.config import check_numbers

if TYPE_CHECKING:
    from gan_lab.data.module import Data


def main() -> None:
    """Run the command."""
    command("prepare", prepare)


def prepare(cfg: DictConfig) -> None:
    """Write the arrays, or continue where an interrupted call stopped; complete arrays are kept."""
    from gan_lab.cli import console
    from gan_lab.data import preparation, prepared
    from gan_lab.data.survey import describe, other_files

    console.quiet()
    check_numbers(cfg)
    data = instantiate(cfg.data, prepared=None, batch_size=1)  # read the source itself; a batch of 1 always fits
    folder = _folder(cfg, data)
    with preparation.exclusive(folder):
        manifest, start = prepared.read(folder), time.perf_counter()
        if manifest and data.stamp in (None, manifest["stamp"]):
            console.say(f"{folder} already exists, written {manifest['date']}")
            if cfg.prepare.verify:
                prepared.verify(folder, manifest)
                console.say("verified: every byte matches its hash")
        else:
            manifest, read = preparation.write(data, folder, cfg.prepare.workers, cfg.prepare.chunk)
            seconds = time.perf_counter() - start
            console.say(f"{read:,} images in {seconds:.1f} s, {read / seconds:,.0f} images/s -> {folder}")
            for line in other_files(data):
                console.say(f"  {line}")
    arrays = instantiate(cfg.data, batch_size=1)
    for line in describe(arrays, arrays.class_names)[1:]:
        console.say(line)
    _report(manifest)


def _folder(cfg: DictConfig, data: "Data") -> Path:
    """Return the folder of the arrays, and make the folder that holds those of all data sets."""
    from gan_lab.data.prepared import place

    if data.recipe is None:
        raise InputError(f"data={HydraConfig.get().runtime.choices['data']} needs no preparation: train on it directly")
    if cfg.data.get("prepared") is None:
        raise InputError("data.prepared=null names no folder for the arrays: give data.prepared=FOLDER")
    folder = place(cfg.data.prepared, data)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot create '{folder.parent}' ({error.strerror}): give another data.prepared=FOLDER") from error
    return folder


def _report(manifest: dict[str, Any]) -> None:
    """Print counts, sizes, broken images, and the command that trains on the arrays."""
    from gan_lab.cli.console import say

    for split, entry in manifest["splits"].items():
        n, channels, height, width = entry["shape"]
        size = math.prod(entry["shape"]) / 2**20
        labels = "labels" if entry["labels"] else "no labels"
        say(f"  {split}: {count(n, 'image')} {channels}x{height}x{width}, {labels}, {size:,.1f} MiB")
        if broken := entry["broken"]:
            more = f" and {len(broken) - 3:,} more" if len(broken) > 3 else ""
            say(f"    skipped {count(len(broken), 'broken image')}: {', '.join(broken[:3])}{more}")
            for fault, number in entry.get("faults", {}).items():
                say(f"      {number:,} because such a file {fault}")
    options = [option for option in HydraConfig.get().overrides.task if not option.lstrip("+").startswith("prepare.")]
    say(f"train with them, and no file is decoded again: python -m gan_lab.train {shlex.join(options)}")


if __name__ == "__main__":
    main()
