"""From data to a file of `trained`: the work of ``python -m gan_lab.train_extractor``."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from gan_lab.data.module import Data
from gan_lab.errors import InputError
from gan_lab.evaluation.extractor import classifier, trained
from gan_lab.evaluation.progress import progress


def check(data: Data, name: str) -> None:
    """Refuse data from which no classifier of images can learn."""
    image, label = data.train_set[0]
    if image.dtype != torch.uint8:
        raise InputError(f"data={name} are points, not images: judge them with extractor=pixels")
    if data.num_classes is None or label is None or data.held_out_set[0][1] is None:
        raise InputError(
            f"data={name} come without labels, and a classifier learns from labels: give data.num_classes=NUMBER if they have "
            "some (of an image folder the first-level folders are the classes), or judge with extractor=inception"
        )


def fit(data: Data, name: str, recipe: classifier.Recipe, device: str, path: Path) -> dict[str, Any]:
    """Train a classifier, measure its accuracy on held-out images and write it; return the facts in the file."""
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
