"""Say what this machine has and what it lacks: ``python -m gan_lab.doctor``."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from gan_lab import __version__
from gan_lab.cli.command import command, sentence
from gan_lab.cli.compose import CONF
from gan_lab.errors import InputError, first_line

PACKAGES = ("torch", "torchvision", "lightning", "hydra-core", "torchmetrics", "wandb")
LEAST_FREE = 2.0
"""GiB: checkpoints of a run, and a data set like CIFAR-10."""

Row = tuple[str, str, str]
"""Item, what was found, what to do."""


def main() -> None:
    """Run the command."""
    command("doctor", examine)


def examine(cfg: DictConfig) -> None:
    """Print a table of all findings and a line of verdict; the exit status is 1 where training fails."""
    from rich.console import Console
    from rich.table import Table

    from gan_lab.cli import console

    console.quiet()
    rows = [*versions(), *devices(cfg), *data_sets(), *weights(), *places()]
    speed, verdict = measure(cfg)
    table = Table()
    for column in ("item", "found", "to do"):
        table.add_column(column, overflow="fold")  # an address cut short helps nobody
    for row in [*rows, speed]:
        table.add_row(*row)
    Console(markup=False, emoji=False, highlight=False).print(table)
    console.say(verdict)
    if speed[2]:
        sys.exit(1)


def versions() -> Iterator[Row]:
    """Yield the versions of what a run depends on."""
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield name, "not installed", f"pip install {name}"
    yield "versions", ", ".join([f"gan_lab {__version__}", f"Python {platform.python_version()}", *found]), ""


def devices(cfg: DictConfig) -> Iterator[Row]:
    """Yield the device that training would take, and what it can."""
    import torch

    from gan_lab.benchmark.device import name_of
    from gan_lab.training.speed import device_of, has_bf16

    device = device_of(cfg)
    on_gpu = device.type == "cuda"
    can = {
        "bf16": has_bf16(device),
        "TF32": on_gpu and torch.cuda.get_device_capability(device) >= (8, 0),
        "steps as CUDA graphs": on_gpu,
        "torch.compile": shutil.which("c++") is not None,
    }
    memory = f", {torch.cuda.get_device_properties(device).total_memory / 2**30:.0f} GiB" if on_gpu else ""
    words = [f"{name} {'yes' if able else 'no'}" for name, able in can.items()]
    fast = "speed=fast is faster" if on_gpu and cfg.speed.precision == "32-true" else ""
    yield "device", f"{name_of(device)}{memory}: {', '.join(words)}", fast
    yield "threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores", ""


def data_sets() -> Iterator[Row]:
    """Yield each data set that lies in files: whether its folder is there, or where to put it."""
    for path in sorted((CONF / "data").glob("*.yaml")):
        data = OmegaConf.create({"data": OmegaConf.load(path)}).data
        root = OmegaConf.select(data, "root")
        if root is None:
            continue
        missing = [file for file in data.get("files", ["."]) if not (Path(root).expanduser() / file).exists()]
        remedy = f"put it into {root}" + (f" from {data.url}" if "url" in data else "")
        yield f"data={path.stem}", "not there" if missing else f"{root}", remedy if missing else ""


def weights() -> Iterator[Row]:
    """Yield the extractors whose weights come from elsewhere: where they lie, or where to put them."""
    from gan_lab.evaluation.extractor import dinov2, inception

    sources = {"inception": (inception.find, inception.URL_INCEPTION_V3), "dinov2": (dinov2.find, dinov2.URL)}
    for name, (find, url) in sources.items():
        try:
            yield f"extractor={name}", str(find(False)), ""
        except InputError as error:
            folder = str(error).split("'")[1]
            yield (
                f"extractor={name}",
                "not there",
                f"fetched when it is first used; without a network put it into {folder} from {url}",
            )


def places() -> Iterator[Row]:
    """Yield where runs go: the dashboard and the disk."""
    from gan_lab.logger.wandb import mode_of

    mode = mode_of(None)
    yield "W&B", mode, "" if mode == "online" else "wandb login shows runs online"
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    yield "disk", f"{free:,.0f} GiB free in {Path.cwd()}", "" if free >= LEAST_FREE else "make room, or work in another folder"


def measure(cfg: DictConfig) -> tuple[Row, str]:
    """Return the row of the speed check, and the verdict."""
    from gan_lab.benchmark.contenders import Ours
    from gan_lab.benchmark.rounds import period
    from gan_lab.training.config import check_numbers, finalize_config
    from gan_lab.training.pace import duration
    from gan_lab.training.speed import choose

    try:
        check_numbers(cfg)
        finalize_config(cfg, cfg.data.batch_size, cfg.data.batch_size, Path.cwd())
        cfg.callback.stop_condition.max_images = None
        said, run, steps = choose(cfg), Ours(cfg), period(cfg)
        seconds = run(steps)
        while seconds < cfg.benchmark.seconds / 4:  # each try four times as long: together not much longer than asked
            steps *= 4
            seconds = run(steps)
    except Exception as error:  # whatever it is, it is the finding
        reason = sentence(error) or first_line(error)
        return ("speed", "training fails", reason), f"verdict: this machine cannot train it: {reason}"
    rate = steps * cfg.data.batch_size / seconds
    return (
        ("speed", f"{rate:,.0f} images/s ({said})", ""),
        f"verdict: ready; 120,000 images of {cfg.data.image_size}x{cfg.data.image_size}, as the default run has, take "
        f"{duration(120_000 / rate)} beside the judging",
    )


if __name__ == "__main__":
    main()
