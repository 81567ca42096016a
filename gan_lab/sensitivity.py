"""How much an extractor's distances see of what is known to be wrong: ``python -m gan_lab.sensitivity data=digits``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from gan_lab.cli.command import command

if TYPE_CHECKING:
    from torch import Tensor

    from gan_lab.data.module import Data
    from gan_lab.evaluation.source import Batches, Reals


def main() -> None:
    """The command."""
    command("sensitivity", sensitivity)


def sensitivity(cfg: DictConfig) -> None:
    """Judge real images, untouched and corrupted, as if they were samples; print a table, write ``sensitivity.json``."""
    import torch
    from hydra.core.hydra_config import HydraConfig
    from hydra.utils import instantiate

    from gan_lab import atomic
    from gan_lab.cli import console
    from gan_lab.errors import require
    from gan_lab.evaluation import features, result
    from gan_lab.evaluation.extractor import trained
    from gan_lab.evaluation.metric import EvalInputs, frechet, kernel

    console.quiet()
    require(cfg, {"batch_size": 1, "num": 2}, int)
    data = instantiate(cfg.data, batch_size=1)
    data.prepare_data()
    data.setup()
    chosen = [f"data={HydraConfig.get().runtime.choices['data']}", *HydraConfig.get().overrides.task]
    extractor = instantiate(trained.settle(cfg.extractor, data, chosen, "extractor"))
    extractor.to(device := torch.device(cfg.device))
    rows, sources, reference = {}, corrupted(data, cfg), None
    kernel_of = kernel.Kernel(subsets=1)  # one for all: it keeps what the reference costs
    with result.progress() as task:
        for name, source in sources.items():
            found = features.cached(source, extractor, cfg.batch_size, device, task(name, len(source)))
            reference = reference or found
            case = EvalInputs(found, reference, None, extractor, Path(), None, data)
            rows[name] = {"images": len(source)} | frechet.Frechet()(case) | kernel_of(case)
    made = {"extractor": extractor.name, "weights_sha256": extractor.weights_sha256, "rows": rows}
    atomic.write_json(Path(cfg.out), made)
    show(rows, extractor.name)


@dataclass
class Corrupted:
    """Reals, each changed by a function that is seeded by where it stands."""

    reals: "Reals"
    change: "Callable[[Tensor, Sequence[int]], Tensor]"
    fingerprint = None

    def __post_init__(self) -> None:
        self.shape = self.reals.shape

    def __len__(self) -> int:
        """How many."""
        return len(self.reals)

    def batches(self, indices: Sequence[int], size: int) -> "Batches":
        """The changed images, in uint8, and their labels."""
        start = 0
        for images, y in self.reals.batches(indices, size):
            yield self.change(images, indices[start : start + size]), y
            start += size


def corrupted(data: "Data", cfg: DictConfig) -> dict[str, Any]:
    """The training images first, then held-out ones, as they are and corrupted."""
    from gan_lab.evaluation.source import Reals

    held_out = lambda: Reals(data, "held_out", cfg.num)  # noqa: E731
    sources: dict[str, Any] = {"training images": Reals(data, "train"), "held-out images": held_out()}
    for sd in cfg.noise:
        sources[f"noise of {sd:g}"] = Corrupted(held_out(), partial(noisy, sd))
    for sigma in cfg.blur:
        sources[f"blur of {sigma:g} pixels"] = Corrupted(held_out(), partial(blurred, sigma))
    every = held_out()
    labels = {row: int(every.dataset[row][1]) for row in every.rows if data.num_classes}
    for kept in cfg.classes if data.num_classes else ():
        sources[f"{kept} of {data.num_classes} classes"] = few = held_out()
        few.rows = [row for row in few.rows if labels[row] < kept]
    return sources


def noisy(sd: float, images: "Tensor", rows: Sequence[int]) -> "Tensor":
    """Normal noise of this standard deviation where images are in [-1, 1], a stream of its own for each row."""
    import torch

    from gan_lab.data.pixels import to_uint8, to_unit
    from gan_lab.rng import make_generator

    noise = torch.stack([torch.randn(images.shape[1:], generator=make_generator(0, row)) for row in rows])
    return to_uint8(to_unit(images) + sd * noise)


def blurred(sigma: float, images: "Tensor", rows: Sequence[int]) -> "Tensor":
    """A Gaussian filter that reaches to three standard deviations."""
    from torchvision.transforms.functional import gaussian_blur

    return gaussian_blur(images, [2 * max(1, round(3 * sigma)) + 1] * 2, [sigma] * 2)


def show(rows: dict[str, dict[str, float]], name: str) -> None:
    """A row for each set of images."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"beside the training images, in the eyes of {name}")
    table.add_column("images")
    names = list(next(iter(rows.values())))[1:-1]
    for column in ("number", *names):
        table.add_column(column, justify="right", overflow="fold")
    for title, values in rows.items():
        table.add_row(title, f"{values['images']:,}", *(f"{values[column]:.4g}" for column in names))
    Console(highlight=False, soft_wrap=True).print(table)


if __name__ == "__main__":
    main()
