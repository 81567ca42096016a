"""Run folders written by hand: what training would have left."""

import csv
import json
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf
from PIL import Image

FD = {100: 90.0, 200: 40.0, 300: 10.0, 400: 12.0}


def config(model="dcgan", **values):
    """The least that tells what a run is."""
    nodes = {
        "seed": 0,
        "metric": {"frechet": {"_target_": "gan_lab.evaluation.metric.frechet.Frechet"}},
        "primary": "fd_digits8",
        "primary_mode": "min",
        "network": {"generator": {"_target_": "gan_lab.network.dcgan.Generator"}},
        "optimizer": {"d": {"lr": 2e-4}},
        "penalty": {},
        "model": {"_target_": f"gan_lab.model.{model}.GAN", "seed": 0},
        "data": {"train": {"_target_": "gan_lab.data.digits.digits"}},
        "callback": {"samples": {"folder": "somewhere"}},
    }
    return nodes | values


def summary(**values):
    """Of a finished run that judged itself four times."""
    content = {
        "status": "finished",
        "primary": "fd_digits8",
        "mode": "min",
        "scores": {"val/fd_digits8": {"first": 90.0, "final": 12.0, "best": 10.0}},
        "baseline": {"fd_digits8": 0.5},
        "images_seen": 400,
        "seconds": 8.0,
        "images_per_second": 50.0,
        "parameters": {"generator": 1000, "discriminator": 2000},
        "final_judgement": {"images_seen": 300, "scores": {"fd_digits8": 11.0, "d_overfit": 0.1}},
    }
    return content | values


def rows(fd=None):
    """Judgements, and losses between them."""
    judged = [{"images_seen": images, "val/fd_digits8": value} for images, value in (fd or FD).items()]
    return judged + [{"images_seen": images, "d_loss": 1 + 1 / images} for images in range(50, 450, 50)]


def write_run(folder: Path, cfg=None, log=None, end=None, grids=(0, 200, 400)) -> Path:
    """A run folder; ``end`` of None: it is not over."""
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.create(cfg or config()), folder / "config.yaml")
    write_rows(folder / "metrics.csv", rows() if log is None else log)
    if end is not None:
        (folder / "summary.json").write_text(json.dumps(end))
    for images in grids:
        draw(folder / "samples" / f"{images:010d}.png", images)
    return folder


def write_rows(path, log):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in log for name in row)))
        writer.writeheader()
        writer.writerows(log)


def draw(path, seed=0, side=16):
    """Noise, which no format makes small."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)
