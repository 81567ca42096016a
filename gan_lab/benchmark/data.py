"""Measure how fast images reach the step, against torchvision: ``python -m gan_lab.benchmark.data data.root=DIR``."""

import os
import platform
import time
from collections.abc import Generator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, TypeAlias, cast

import torch
from hydra.utils import instantiate
from lightning import Trainer
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.transforms.functional import resize, to_pil_image

from gan_lab import atomic
from gan_lab.benchmark.step import device_of, now, ratio
from gan_lab.cli import console
from gan_lab.cli.command import output_file
from gan_lab.cli.words import count
from gan_lab.data.arrays import Arrays
from gan_lab.data.module import Batch, Data
from gan_lab.data.preparation import write
from gan_lab.data.prepared import place
from gan_lab.data.workers import cores
from gan_lab.errors import InputError
from gan_lab.training.config import check_numbers

Batches: TypeAlias = Generator[Batch, None, None]

THEIRS = "torchvision"
CLASSES = 10
"""Classes of the images that are drawn here."""


def benchmark_data(cfg: DictConfig) -> None:
    """Measure, print a table, write ``benchmark_data.json``."""
    console.quiet()
    check_numbers(cfg)
    path = output_file(cfg.benchmark.out, "benchmark.out")
    check_data(cfg)
    with TemporaryDirectory() as scratch:
        if cfg.data.root is None:
            cfg.data.root = f"{scratch}/jpeg"
            draw(Path(cfg.data.root), cfg.benchmark.images, cfg.data.image_size)
        cfg.data.num_classes = num_classes(Path(cfg.data.root))
        record = measure(cfg, Path(scratch))
    atomic.write_json(path, record)
    show(record, cfg.benchmark.out)


def check_data(cfg: DictConfig) -> None:
    """Refuse data that torchvision's ImageFolder cannot read beside ours."""
    if "root" not in cfg.data or not isinstance(cfg.data.get("image_size"), int):
        raise InputError(
            "gan_lab.benchmark_data measures folders of square images beside torchvision's ImageFolder: give "
            "data=image_folder and data.image_size=SIDE"
        )


def draw(root: Path, images: int, image_size: int) -> None:
    """Write JPEG files of smooth noise, quality 90, in class folders; at 32x32 about as large as those of CIFAR-10."""
    generator = torch.Generator().manual_seed(0)
    for number in range(CLASSES):
        (root / str(number)).mkdir(parents=True)
    for number in track(range(images), description="writing JPEG files"):
        rough = torch.rand(3, image_size // 6 + 1, image_size // 6 + 1, generator=generator)
        image = to_pil_image(resize(rough, [image_size, image_size]))
        image.save(root / str(number % CLASSES) / f"{number:06d}.jpg", quality=90)


def num_classes(root: Path) -> int:
    """Return the number of class folders, without which torchvision's ImageFolder cannot work."""
    folders = sum(path.is_dir() for path in root.iterdir()) if root.is_dir() else 0
    if not folders:
        raise InputError(f"'{root}' has no class folders: give data.root=FOLDER with one folder of images per class")
    return folders


def measure(cfg: DictConfig, scratch: Path) -> dict[str, Any]:
    """Measure all data pipelines in turn, round by round; return the content of ``benchmark_data.json``."""
    device = device_of(cfg)
    workers = cfg.benchmark.workers or cores()
    pipelines = {THEIRS: Pipeline(image_folder(cfg, workers, device))}
    pipelines |= {name: Pipeline(ours(data, device)) for name, data in modules(cfg, workers, scratch).items()}
    names = list(pipelines)
    for turn in range(cfg.benchmark.rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:  # rotate, so that drift favours none
            pipelines[name].measure(cfg.benchmark.seconds, skip=2 * workers + 1, device=device)
    for pipeline in pipelines.values():
        pipeline.batches.close()
    return {
        "ways": {name: pipeline.record(pipelines[THEIRS].speeds) for name, pipeline in pipelines.items()},
        "batch": [cfg.data.batch_size, cfg.data.channels, cfg.data.image_size, cfg.data.image_size],
        "workers": workers,
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.machine(),
        "torch": torch.__version__,
    }


class Pipeline:
    """Measurements of one way, round after round.

    Args:
        batches: yields float images in [-1, 1] on the device, with labels, without end.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches, self.images = batches, 0
        self.speeds: list[float] = []
        self.resident: list[int] = []
        self.grown = 0

    def measure(self, seconds: float, skip: int, device: torch.device) -> None:
        """Measure one round, skipping the first batches, which workers made while other pipelines were measured."""
        for _ in range(skip):
            next(self.batches)
        (resident, before), images, start = memory(), 0, now(device)
        while not images or time.perf_counter() - start < seconds:
            images += len(next(self.batches)[0])
        self.speeds.append(images / (now(device) - start))
        self.images += images
        resident_after, after = memory()
        self.resident += [resident, resident_after]
        self.grown += after - before

    def record(self, theirs: list[float]) -> dict[str, Any]:
        """Return medians and the memory of this process in MiB, without that of workers."""
        return {
            "images_per_second": round(median(self.speeds)),
            "ratio": round(ratio(self.speeds, theirs), 2),
            "rounds": [round(speed) for speed in self.speeds],
            "images": self.images,
            "resident_mib": [round(self.resident[0] / 2**20), round(self.resident[-1] / 2**20)],
            "grown_mib": round(self.grown / 2**20, 1),
        }


def memory() -> tuple[int, int]:
    """Return the resident bytes of this process, and those of them that no file can give back; zeros except on Linux."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return 0, 0
    _, resident, shared, *_ = (int(pages) * os.sysconf("SC_PAGE_SIZE") for pages in statm.read_text().split())
    return resident, resident - shared


def image_folder(cfg: DictConfig, workers: int, device: torch.device) -> Batches:
    """Yield batches as one would write it by hand with torchvision."""
    half = [0.5] * 3
    transform = transforms.Compose(
        [
            transforms.Resize(cfg.data.image_size),
            transforms.CenterCrop(cfg.data.image_size),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(half, half),
        ]
    )
    loader = DataLoader(
        datasets.ImageFolder(cfg.data.root, transform),
        cfg.data.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=True,
        pin_memory=device.type == "cuda",
    )
    while True:
        for images, y in loader:
            yield images.to(device, non_blocking=True), y.to(device, non_blocking=True)


def modules(cfg: DictConfig, workers: int, scratch: Path) -> dict[str, Data]:
    """Make our data module on the same images: from the files, from prepared arrays, and from memory."""
    files = instantiate(cfg.data, num_workers=workers, prepared=None)
    write(files, place(scratch, files), workers)
    mapped, loaded = (instantiate(cfg.data, prepared=str(scratch)) for _ in range(2))
    loaded.train_set = Arrays(mapped.train_set.images.clone(), mapped.train_set.labels.clone())
    return {"gan_lab, files": files, "gan_lab, prepared": mapped, "gan_lab, memory": loaded}


def ours(data: Data, device: torch.device) -> Batches:
    """Yield batches through the calls that Lightning's Trainer makes, without its loop."""
    clocks = SimpleNamespace(images_seen=0, d_steps_done=0)
    process = {"training": True, "global_rank": 0, "world_size": 1, "strategy": SimpleNamespace(root_device=device)}
    data.trainer = cast(Trainer, SimpleNamespace(lightning_module=clocks, **process))
    for batch in data.train_dataloader():
        yield data.on_after_batch_transfer(data.transfer_batch_to_device(batch, device, 0), 0)
        clocks.images_seen += data.batch_size
        clocks.d_steps_done += 1


def show(record: dict[str, Any], path: str) -> None:
    """Print the table and the path of the record."""
    table = Table(title=f"batch {record['batch']}, {count(record['workers'], 'worker')}, {record['device']}")
    for column in ("", "images/s", "ratio", "images", "resident MiB", "growth"):
        table.add_column(column, justify="right" if column else "left")
    for name, way in record["ways"].items():
        resident = "{} to {}".format(*way["resident_mib"])
        numbers = f"{way['images_per_second']:,}", f"{way['ratio']:.1f}", f"{way['images']:,}", resident, f"{way['grown_mib']}"
        table.add_row(name, *numbers)
    Console(markup=False, emoji=False).print(table)
    note = f"MiB of this process: resident includes mapped files, growth does not. -> {path}"
    Console(highlight=False, soft_wrap=True, markup=False, emoji=False).print(note)
