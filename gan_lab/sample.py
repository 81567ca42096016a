"""Sample from a trained GAN: ``python -m gan_lab.sample run=outputs/dcgan-digits/DATE_TIME``."""

import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from gan_lab import atomic
from gan_lab.cli.command import command
from gan_lab.errors import InputError, pick
from gan_lab.run_folder import find_checkpoint
from gan_lab.sizes import height_and_width

if TYPE_CHECKING:
    from torch import Tensor

    from gan_lab.model.gan import GAN
    from gan_lab.plot.display import Display


Writer = Callable[["GAN", DictConfig, Path], Path]
"""Writes samples into a folder, and returns what it wrote."""


def main() -> None:
    """Run the command."""
    command("sample", sample)


def sample(cfg: DictConfig) -> None:
    """Write a grid or lines of text, ``n`` images as PNG files or one .npz or .npy file, or strips of interpolations."""
    from rich.console import Console

    from gan_lab.training import checkpoint

    if cfg.run is None:
        raise InputError("run= is missing: give run=outputs/MODEL-DATA/DATE_TIME, or run=FILE.ckpt")
    pick({"best": 0, "last": 0}, cfg.checkpoint, "checkpoint")
    path = find_checkpoint(cfg.run, cfg.checkpoint)
    gan, made_by = checkpoint.load(path, trusted=cfg.trust)
    check_room(cfg, made_by.data)
    display = checkpoint.display_of(made_by)
    gan.to(cfg.device)
    shown, rows, in_units = partial(grid, display), partial(strips, display), partial(npy, made_by.data)
    formats: dict[str, Writer] = {"grid": shown, "png": png, "npz": npz, "npy": in_units}
    formats |= {"straight": rows, "great_circle": rows}
    write = pick(formats, cfg.format, "format")
    folder = Path(cfg.out or (Path(cfg.run) if Path(cfg.run).is_dir() else path.parent) / "generated")
    folder.mkdir(parents=True, exist_ok=True)
    written = write(gan, cfg, folder)
    Console(highlight=False, soft_wrap=True, markup=False, emoji=False).print(
        f"{path} at {gan.images_seen:,} images -> {written}"
    )


def check_room(cfg: DictConfig, data: DictConfig) -> None:
    """Refuse more samples than the memory of this machine holds."""
    shape = data.get("shape") or (data.channels, *height_and_width(data.image_size))
    per_number = cfg.steps if cfg.format in ("straight", "great_circle") else 1
    needed, there = 4 * cfg.n * per_number * math.prod(shape), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise InputError(
            f"n={cfg.n} takes {needed / 2**30:,.0f} GiB, and this machine has {there / 2**30:,.0f}: draw fewer at a time, each "
            "with another seed="
        )


def images(gan: "GAN", cfg: DictConfig) -> "Tensor":
    """Generate ``n`` images (n, C, H, W) in [-1, 1] on the CPU, ``batch_size`` at a time under a progress bar."""
    import torch
    from rich.progress import track

    starts = track(range(0, cfg.n, cfg.batch_size), description="sampling", disable=cfg.n <= cfg.batch_size)
    options = (cfg.seed, cfg.ema, cfg.classes, cfg.truncation)
    return torch.cat([gan.sample(range(i, min(i + cfg.batch_size, cfg.n)), *options).cpu() for i in starts])


def grid(display: "Display", gan: "GAN", cfg: DictConfig, folder: Path) -> Path:
    """Write one picture, or one text, of all samples."""
    path = folder / f"{display.name}-seed{cfg.seed}{display.suffix}"
    display.save(images(gan, cfg), path, columns=len(cfg.classes) if cfg.classes else gan.columns)
    return path


def png(gan: "GAN", cfg: DictConfig, folder: Path) -> Path:
    """Write one PNG file per image, at its native size."""
    from torchvision.transforms.functional import to_pil_image

    from gan_lab.data.pixels import is_image, to_uint8

    made = images(gan, cfg)
    if not is_image(made):
        shape = "x".join(map(str, made.shape[1:]))
        raise InputError(f"format=png needs images, and this GAN makes samples of {shape}: use format=npz or format=grid")
    for index, image in enumerate(to_uint8(made)):
        to_pil_image(image).save(folder / f"{index:06d}.png")
    return folder


def npz(gan: "GAN", cfg: DictConfig, folder: Path) -> Path:
    """Write ``images``, uint8 (n, H, W, C), the usual input of evaluation code, or floats of points and signals.

    Beside them stand ``labels`` (n,) and ``class_names`` (K,), where there are any.
    """
    import numpy as np

    from gan_lab.data.pixels import is_image, to_uint8

    path, made = folder / f"samples-seed{cfg.seed}.npz", images(gan, cfg)
    if is_image(made):
        made = to_uint8(made).permute(0, 2, 3, 1)
    content: dict[str, Any] = {"images": (made.flatten(1) if made.shape[2:] == (1, 1) else made).numpy()}
    if (y := gan.labels(range(cfg.n), cfg.classes)) is not None:
        content["labels"] = y.cpu().numpy()
    if gan.class_names and y is not None:
        content["class_names"] = np.array(gan.class_names)
    with atomic.replacing(path) as partial_path:
        np.savez_compressed(partial_path, **content)
    return path


def npy(data: DictConfig, gan: "GAN", cfg: DictConfig, folder: Path) -> Path:
    """Write one array (n, ...) of the data's shape and in its units: uint8 where these are [0, 255], else float32."""
    import numpy as np

    from gan_lab.data.pixels import is_image, to_span

    path, made = folder / f"samples-seed{cfg.seed}.npy", images(gan, cfg)
    units = data.range if "range" in data else [0, 255] if is_image(made) else None
    if units is not None:
        made = to_span(made, *units)
    array = made.numpy() if units != [0, 255] else made.clamp(0, 255).round().numpy().astype(np.uint8)
    with atomic.replacing(path) as partial_path:
        np.save(partial_path, array)
    return path


def strips(display: "Display", gan: "GAN", cfg: DictConfig, folder: Path) -> Path:
    """Write a picture, or a text, of ``n`` interpolations, each a row of ``steps`` samples between two latents."""
    import torch

    from gan_lab import latents

    interpolate = getattr(latents, cfg.format)
    ends, t = gan.latent_rows(range(2 * cfg.n), cfg.seed), torch.linspace(0, 1, cfg.steps)
    z = torch.cat([interpolate(a, b, t) for a, b in ends.view(cfg.n, 2, -1)])
    path = folder / f"{cfg.format}-seed{cfg.seed}{display.suffix}"
    y = gan.labels([row for row in range(cfg.n) for _ in t], cfg.classes)
    display.save(gan.generate(z, y, cfg.ema, cfg.truncation).cpu(), path, columns=cfg.steps)
    return path


if __name__ == "__main__":
    main()
