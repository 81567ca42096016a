"""Finalize a configuration before a run: check its numbers, and express length and cadences in images."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import instantiate
from omegaconf import DictConfig

from gan_lab.cli.options import validate
from gan_lab.cli.schema import TrainKeys
from gan_lab.cli.words import count
from gan_lab.errors import InputError
from gan_lab.sizes import as_given, height_and_width

if TYPE_CHECKING:
    from gan_lab.data.module import Data

COMPUTED = {
    "folder": "give hydra.run.dir=FOLDER",
    "total_images": "give max_images=",
    "primary_mode": "leave it out, for the metric states it",
}
"""Keys that the command fills in, and what to give instead."""

CADENCES = ("val_every_images", "sample_every_images", "checkpoint_every_images")


def check_numbers(cfg: DictConfig) -> None:
    """Refuse values that are none or do not go with others, before anything is built; write a square as one number."""
    validate(cfg, TrainKeys)
    if (image_size := cfg.data.get("image_size")) is not None:
        cfg.data.image_size = as_given(*height_and_width(image_size))
    sizes = (cfg.model.get("growth") or {}).get("batch_sizes") or {}
    batches = {"data.batch_size": cfg.data.batch_size} | {
        f"model.growth.batch_sizes.{key}": sizes[key] for key in sorted(sizes)
    }
    for (name, size), larger in zip(batches.items(), [0, *batches.values()], strict=False):
        if size % cfg.accumulate:
            raise InputError(f"{name}={size} does not fall into accumulate={cfg.accumulate} equal parts")
        if larger % size:
            raise InputError(f"{name}={size} does not divide {larger}, the batch of lower resolutions: use a divisor of it")
    if sizes and cfg.max_images is None and cfg.max_g_steps is not None:
        raise InputError(
            "max_g_steps counts steps, whose number of images changes with model.growth.batch_sizes: use max_images"
        )


def check_computed(cfgs: Iterable[DictConfig]) -> None:
    """Refuse values of what `finalize_config` and the metrics fill in, which would not count."""
    for key, remedy in COMPUTED.items():
        if given := next((cfg[key] for cfg in cfgs if cfg[key] is not None), None):
            raise InputError(f"{key}={given} would be overwritten, for the command fills it in: {remedy}")


def finalize_config(cfg: DictConfig, num_train: int, global_batch: int, folder: Path, num_judged: int = 0) -> None:
    """Write into the configuration what the data and the folder decide: the length in images, and the cadences.

    Args:
        cfg: of a run.
        num_train: samples of an epoch.
        global_batch: real images of a step of D, over all processes.
        folder: of the run.
        num_judged: samples that each validation makes; 0: not known.
    """
    cfg.folder = str(folder)
    describe_data(cfg)
    if not cfg.metric:
        cfg.metric, cfg.extractor = {}, {}  # no extractor of the data's is loaded in vain
    if cfg.max_images is not None:
        cfg.total_images = cfg.max_images
    elif cfg.max_g_steps is not None:
        cfg.total_images = d_steps(cfg, cfg.max_g_steps) * global_batch
    else:
        cfg.total_images = max(1, round(cfg.max_epochs * num_train))
    if cfg.val_every_images is None:
        cfg.val_every_images = validation_interval(cfg.total_images, num_judged)
    if cfg.log_every_steps is None:
        cfg.log_every_steps = row_interval(cfg.total_images // global_batch)
    for cadence in CADENCES:
        if cfg[cadence] is None:
            cfg[cadence] = max(1, cfg.total_images // 10)


def row_interval(d_steps: int) -> int:
    """Return the steps between two rows of losses: a short run has a curve of a hundred rows, where ten steps make a row.

    Fewer steps would be noise to `gan_lab.callback.failures`, which compares rows.
    """
    return next((interval for interval in (50, 25) if d_steps // interval >= 100), 10)


def validation_interval(total_images: int, num_judged: int) -> int:
    """Return a tenth of a run, or as much more as lets it judge no more samples, those at its end included, than it trains on.

    To judge a sample takes three passes, one of G and two of D, and the extractor's; to train on an image takes about thirteen:
    so judging takes about a fifth of a run at most, unless the extractor is much larger than the networks. As a function of the
    configuration, not of a clock, the interval is the same when the run is resumed.
    """
    tenth = max(1, total_images // 10)  # rounded down: a run may hold eleven
    affordable = total_images // num_judged - 1 if num_judged else 11  # the chosen checkpoint is judged once more
    return tenth if affordable > 10 else math.ceil(total_images / max(1, affordable))


def named(names: Sequence[str] | None, data: "Data") -> list[str] | None:
    """Return the names of the classes by their numbers: those given, else the data's; None where there are none."""
    found = data.class_names if names is None else [str(name) for name in names]
    if found and len(found) != data.num_classes:
        raise InputError(
            f"class_names=[{','.join(found)}] make {count(len(found), 'name')}, and data.num_classes={data.num_classes}: give "
            "each class one, or null for those of the data"
        )
    if computed := [name for name in found if "${" in name]:
        raise InputError(
            f"the class name '{computed[0]}' holds ${{, which a configuration would compute: give class_names=[...]"
        )
    return found or None


def check_g_steps(cfg: DictConfig, global_batch: int) -> None:
    """Refuse a run in which G never steps; its length is known."""
    first, steps = d_steps(cfg, 1), math.ceil(cfg.total_images / global_batch)
    if first > steps:
        raise InputError(
            f"model.d_steps={first} leaves no step of G in a run of {count(steps, 'step')} of D: give fewer, or a longer "
            "max_images="
        )


def describe_data(cfg: DictConfig) -> None:
    """Write the shape and the labels of data into the configuration where only their file knows them (``shape: null``).

    A checkpoint then has them, and needs no file to make its networks.
    """
    if cfg.data.get("shape", ()) is not None:
        return
    cfg.data.update(instantiate(cfg.data).resolved)


def d_steps(cfg: DictConfig, g_steps: int) -> int:
    """Return the number of D's steps for this many of G's."""
    if isinstance(cfg.model.d_steps, int):
        return cfg.model.d_steps * g_steps
    return sum(map(instantiate(cfg.model.d_steps), range(g_steps)))
