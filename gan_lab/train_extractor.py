"""Train a classifier to judge with, once for all runs: ``python -m gan_lab.train_extractor data=cifar10``."""

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from gan_lab.cli.command import command

if TYPE_CHECKING:
    from gan_lab.data.module import Data
    from gan_lab.evaluation.extractor.classifier import Recipe


def main() -> None:
    """The command."""
    command("train_extractor", train_extractor)


def train_extractor(cfg: DictConfig) -> None:
    """Train and write it, or say where it lies already, and with what to judge by it."""
    from filelock import FileLock
    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate

    from gan_lab.cli import console
    from gan_lab.errors import InputError, require
    from gan_lab.evaluation.extractor import trained
    from gan_lab.evaluation.extractor.classifier import Recipe

    console.quiet()
    require(cfg, {"epochs": 1, "batch_size": 1, "max_lr": 0, "label_smoothing": 0, "data.image_size": 1}, (int, float))
    require(cfg, {"batch_size": 1, "seed": None}, int)
    name = str(HydraConfig.get().runtime.choices["data"])
    data = instantiate(cfg.data, batch_size=1)  # of the run; any fits here
    data.prepare_data()
    data.setup()
    check(data, name)
    recipe = Recipe(float(cfg.epochs), cfg.batch_size, float(cfg.max_lr), float(cfg.label_smoothing), data.flip, cfg.seed)
    path = trained.place(data, name, recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        try:
            facts, _ = trained.read(path)
            _say(f"{path} is there already, made {facts['date']}")
        except InputError:  # there is none, or a damaged one
            facts = train(data, name, recipe, cfg.device, path)
    report(facts, path)


def check(data: "Data", name: str) -> None:
    """Refuse data from which no classifier of images can learn."""
    import torch

    from gan_lab.errors import InputError

    image, label = data.train_set[0]
    if image.dtype != torch.uint8:
        raise InputError(f"data={name} are points, not images: judge them with extractor=pixels")
    if data.num_classes is None or label is None or data.held_out_set[0][1] is None:
        raise InputError(
            f"data={name} come without labels, and a classifier learns from labels: give data.num_classes=NUMBER if they have "
            "some (of an image folder the first-level folders are the classes), or judge with extractor=inception"
        )


def train(data: "Data", name: str, recipe: "Recipe", device: str, path: Path) -> dict[str, Any]:
    """Train, see how many held-out images it knows, and write it; returns the facts that the file holds."""
    from dataclasses import asdict
    from datetime import UTC, datetime

    import torch

    from gan_lab.evaluation.extractor import classifier, trained
    from gan_lab.evaluation.result import progress

    start, where = time.perf_counter(), torch.device(device)
    steps = classifier.batches(data.num_train, recipe)
    with progress() as task:
        model = classifier.train(data, recipe, where, task("training", sum(map(len, steps))))
    facts = {
        "data": name,
        "images": trained.images_of(data),
        "channels": data.channels,
        "image_size": data.image_size,
        "num_classes": data.num_classes,
        "recipe": asdict(recipe),
        "num_train": data.num_train,
        "num_held_out": len(data.held_out_set),
        "accuracy": classifier.accuracy(model, data, where),
        "seconds": round(time.perf_counter() - start, 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "device": device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    trained.write(path, model, facts)
    return trained.read_facts(path)


def report(facts: dict[str, Any], path: Path) -> None:
    """What it is worth, and the commands that judge with it."""
    from hydra.core.hydra_config import HydraConfig

    from gan_lab.evaluation.extractor.trained import named

    _say(
        f"{named(facts)} knows {facts['accuracy']:.1%} of {facts['num_held_out']:,} held-out images, after "
        f"{facts['num_train']:,} training images, {facts['recipe']['epochs']:g} times each ({facts['seconds']:.0f} s) -> {path}"
    )
    options = [option for option in HydraConfig.get().overrides.task if option.lstrip("+~").startswith("data")]
    _say(f"train with it: python -m gan_lab.train {shlex.join([*options, 'metric=trained'])}")
    _say("judge with it: python -m gan_lab.evaluate run=RUN extractor=trained")


def _say(line: str) -> None:
    from rich.console import Console

    Console(highlight=False, soft_wrap=True).print(line, markup=False)


if __name__ == "__main__":
    main()
